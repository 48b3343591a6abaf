"""The way from no key to an armed account: walkthroughs, the wizard, the check of a key, and its card afterwards."""
