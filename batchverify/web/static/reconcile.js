// A form sends a file without the time at which it was saved. It is filled in here, in Beijing time, from the oldest of those chosen.
const files = document.querySelector("[data-saved-into]");
const time = files && document.getElementById(files.dataset.savedInto);
files?.addEventListener("change", () => {
  const saved = Array.from(files.files, (file) => file.lastModified);
  if (saved.length && time) time.value = new Date(Math.min(...saved) + 8 * 3_600_000).toISOString().slice(0, 16);
});
