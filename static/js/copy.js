// Copy buttons: data-copy names the element whose text is copied. Shown only where the browser can copy.
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent.trim());
  const said = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = said;
  }, 2000);
}

if (navigator.clipboard) {
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  });
}
