// The theme follows the system until somebody chooses. Loaded in <head> without defer: no flash of the other theme.
const KEY = "headroom-theme";

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off: the choice lasts for this page
  }
}

function effective() {
  const chosen = document.documentElement.dataset.theme;
  return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function label(button) {
  button.textContent = effective() === "dark" ? "Light theme" : "Dark theme";
}

function toggle() {
  const next = effective() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // see stored()
  }
  document.querySelectorAll("[data-theme-toggle]").forEach(label);
}

if (["light", "dark"].includes(stored())) document.documentElement.dataset.theme = stored();

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-theme-toggle]").forEach((button) => {
    label(button);
    button.hidden = false;
    button.addEventListener("click", toggle);
  });
});
