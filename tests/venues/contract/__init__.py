"""The same numbered cases for every venue, over its emulator in this process."""
