// Where no zone was chosen yet, the browser's own is offered first.

const choice = document.querySelector("select[data-guess='yes']");

if (choice) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const option = [...choice.options].find((each) => each.value === zone);
  if (option) option.selected = true;
}
