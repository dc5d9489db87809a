// The countdown of a hold. The server decides when it ends; the clock here only shows it, corrected for the
// difference between the two clocks. Screen readers hear it at five minutes and at one, not every second.
const ANNOUNCE_AT = [300, 60]; // seconds left
const WARN_BELOW = 120;

function words(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

function run(root) {
  const ends = Date.parse(root.dataset.expiresAt);
  const skew = Date.parse(root.dataset.serverTime) - Date.now() || 0;
  const clock = root.querySelector("[data-clock]");
  const progress = root.querySelector("progress");
  const announcement = root.querySelector("[data-announce]");
  const waiting = [...ANNOUNCE_AT];
  let before = Infinity;

  function tick() {
    const left = Math.max(Math.round((ends - Date.now() - skew) / 1000), 0);
    clock.textContent = words(left);
    if (progress) progress.value = left;
    root.classList.toggle("warn", left < WARN_BELOW);
    for (const mark of waiting) {
      if (before > mark && left <= mark && left > 0 && before !== Infinity) {
        announcement.textContent = mark === 60 ? "One minute left on your hold." : `${mark / 60} minutes left on your hold.`;
      }
    }
    before = left;
    if (left > 0) return;
    clearInterval(timer);
    announcement.textContent = "Your hold has ended. Nothing was charged.";
    root.querySelectorAll("button").forEach((button) => {
      button.disabled = true;
    });
    const ended = root.querySelector("[data-ended]");
    if (ended) ended.hidden = false;
  }

  const timer = setInterval(tick, 1000);
  tick();
}

document.querySelectorAll("[data-hold]").forEach(run);
