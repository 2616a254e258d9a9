// What a page gains with a script: a drop, live progress, one cell at a time. Every form works without it.
// Nothing from outside becomes markup: texts go in by textContent, and there is no eval.

const one = (where, selector) => where.querySelector(selector);
const all = (where, selector) => [...where.querySelectorAll(selector)];

/** A sentence that went wrong, beside the form it belongs to, for eyes and screen readers alike. */
function complain(form, sentence) {
  let place = form.previousElementSibling;
  if (!place || !place.hasAttribute("data-problem")) {
    place = document.createElement("div");
    place.className = "notice bad";
    place.setAttribute("role", "alert");
    place.setAttribute("data-problem", "");
    form.before(place);
  }
  place.textContent = sentence;
}

// A file is dropped or chosen, and its way is seen.
function upload(form) {
  const drop = one(form, "[data-drop]");
  const input = one(form, "input[type=file]");
  const state = one(form, "[data-state]");
  const bar = one(state, "progress");
  const word = one(state, "[role=status]");
  const button = one(form, "button");
  for (const hidden of all(form, "[data-dropword], [data-or]")) hidden.hidden = false;
  one(form, "[data-nodrop]").hidden = true;

  const over = (is) => drop.classList.toggle("is-over", is);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  drop.addEventListener("dragleave", () => over(false));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    const done = (sentence) => { button.disabled = false; state.hidden = true; complain(form, sentence); };
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (told) => {
      const percent = told.total ? Math.floor((told.loaded * 100) / told.total) : 0;
      bar.value = percent;
      word.textContent = percent < 100 ? form.dataset.sending.replace("{}", percent) : form.dataset.reading;
    });
    request.addEventListener("load", () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { answer = { problem: request.responseText }; }
      if (request.status === 201) location.assign(answer.see);
      else done(answer.problem || form.dataset.failed);
    });
    request.addEventListener("error", () => done(form.dataset.failed));
    button.disabled = true;
    state.hidden = false;
    request.send(new FormData(form));
  });
  addEventListener("pageshow", (event) => { if (event.persisted) { button.disabled = false; state.hidden = true; } });
}

// A form that takes a while is sent once.
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    const button = event.submitter || one(form, "button");
    // After the form was read: a disabled button's own value would not be sent.
    setTimeout(() => {
      for (const each of all(form, "button")) each.disabled = true;
      if (form.dataset.once) button.textContent = form.dataset.once;
    });
  });
  // Whoever comes back to the page may send it again.
  const words = all(form, "button").map((button) => button.textContent);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    delete form.dataset.sent;
    all(form, "button").forEach((button, place) => { button.disabled = false; button.textContent = words[place]; });
  });
}

// The button carries the price of the cap.
function cap(form) {
  const input = one(form, "#cap");
  const button = one(form, "button.primary");
  const most = Number(input.defaultValue);
  const free = button.textContent;
  input.addEventListener("input", () => {
    const asks = Math.min(Number(input.value) || 0, most);
    const yuan = (asks * Number(form.dataset.price)).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 });
    button.textContent = most ? button.dataset.words.replace("{}", `¥${yuan}`) : free;
  });
}

// How it goes, from the server's own words. Lost connections come back by themselves.
function progress(card) {
  const announce = one(card, "[data-announce]");
  const lost = one(card, "[data-lost-word]");
  let said = "";
  const show = (live) => {
    one(card, "[data-bar]").value = live.permille;
    for (const place of all(document, "[data-live]")) {
      const text = live[place.dataset.live];
      if (place.textContent !== text) place.textContent = text;
    }
    for (const place of all(document, "[data-when]")) place.hidden = !live[place.dataset.when];
    for (const place of all(card, "[data-status]")) {
      const number = live.statuses[place.dataset.status];
      place.hidden = !number;
      one(place, "[data-number]").textContent = number || "0";
    }
    one(card, "[data-none]").hidden = Object.keys(live.statuses).length > 0;
    // At each tenth and at each change of state, not at each tick.
    const step = `${live.state.replace(/\d/g, "")}${Math.floor(live.permille / 100)}`;
    if (step !== said) { said = step; announce.textContent = `${live.state} ${live.announce}`; }
    if (live.is_over) source.close();
    if (live.is_over && live.leads_on) location.assign(card.dataset.result);
  };
  const source = new EventSource(card.dataset.progress);
  source.addEventListener("live", (event) => { lost.hidden = true; show(JSON.parse(event.data)); });
  source.addEventListener("error", () => {
    lost.textContent = card.dataset.lost;
    lost.hidden = false;
    // Some answers (a session that has ended) are final to an EventSource: the page itself then says what is the matter.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// A button that only sends a word: what comes of it is seen in the progress.
function act(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = one(form, "button");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" }, redirect: "manual" });
      if (answer.status !== 204) location.reload();
    } catch {
      location.reload();
    }
    setTimeout(() => { button.disabled = false; }, 1000);
  });
}

// One cell in clear, at a time.
function unmask(form) {
  let shown = null;
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button || button.name !== "cell") return;
    event.preventDefault();
    const given = new URLSearchParams([["csrf", form.elements.csrf.value], ["cell", button.value]]);
    const answer = await fetch(form.action, { method: "POST", body: given, headers: { Accept: "text/plain" } });
    if (answer.redirected) { location.assign(answer.url); return; }
    if (!answer.ok) { location.reload(); return; }
    if (shown && shown !== button) { shown.textContent = shown.dataset.masked; shown.setAttribute("aria-label", shown.dataset.label); shown.classList.remove("clear"); }
    button.dataset.masked = button.dataset.masked || button.textContent;
    button.dataset.label = button.dataset.label || button.getAttribute("aria-label");
    button.textContent = await answer.text();
    button.setAttribute("aria-label", button.textContent);
    button.classList.add("clear");
    shown = button;
  });
}

for (const form of all(document, "[data-upload]")) upload(form);
for (const form of all(document, "[data-once]")) once(form);
for (const form of all(document, "[data-cap]")) cap(form);
for (const card of all(document, "[data-progress]")) progress(card);
for (const form of all(document, "[data-act]")) act(form);
for (const form of all(document, "[data-unmask]")) unmask(form);
