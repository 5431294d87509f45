"use strict";
// Takes experiments and reports results by the requests that programs make. What was asked for and not answered is asked
// for again under the same key, so that a page that was closed, or a network that failed, takes nothing twice.
const campaign = document.body.dataset.campaign;
const api = new URL(`../../api/campaigns/${encodeURIComponent(campaign)}`, location.href).href;
const waiting = `hakken ask ${campaign}`;
const notesOf = `hakken said ${campaign}`;

// The page anew; what there is to say of what was done is said on it.
function reload(notes = []) {
  sessionStorage.setItem(notesOf, notes.join("\n"));
  location.reload();
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function post(path, body, headers = {}) {
  const answer = await fetch(api + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return [answer.status, await answer.json()];
}

async function sent(form, send) {
  const said = form.querySelector("[role=status]");
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => (button.disabled = true));
  said.className = "soft";
  said.textContent = "sending…";
  try {
    const problem = await send();
    said.className = "bad";
    said.textContent = problem;
  } catch (error) {
    said.className = "bad";
    said.textContent = `not sent (${error.message}); nothing is lost, try again`;
  }
  buttons.forEach((button) => (button.disabled = false));
}

function number(text) {
  if (/^[-+]?\d+,(\d{1,2}|\d{4,})$/.test(text)) return Number(text.replace(",", ".")); // of three it may part thousands
  return /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text) ? Number(text) : text;
}

function values(form) {
  const found = [];
  for (const field of form.querySelectorAll("[data-target]")) {
    const text = field.value.trim();
    if (!text) continue;
    const limit = /^([<>])\s*(.*)$/.exec(text);
    found.push({
      property: field.dataset.target,
      value: number(limit ? limit[2] : text),
      ...(limit ? { qualifier: limit[1] } : {}),
    });
  }
  return found;
}

function lacking(form) {
  const fields = [...form.querySelectorAll("[data-target]")];
  const names = fields.filter((field) => !field.value.trim()).map((field) => field.dataset.target);
  return names.length < fields.length ? names : []; // without any value the service says what is to be done
}

function isMeant(form) {
  const names = form.elements.outcome.value === "measured" ? lacking(form) : [];
  const question = `No value of ${names.join(", ")}: what is saved leaves this page. Save it without?`;
  return !names.length || confirm(question);
}

function fieldsOf(form) {
  return [...form.querySelectorAll("input, select")];
}

// What was typed and not saved outlives the page: others are saved meanwhile, and a phone puts pages away.
function keepTyped(form, draft) {
  const typed = JSON.parse(sessionStorage.getItem(draft) ?? "[]");
  fieldsOf(form).forEach((field, place) => (field.value = typed[place] ?? field.value));
  form.addEventListener("input", () => {
    sessionStorage.setItem(draft, JSON.stringify(fieldsOf(form).map((field) => field.value)));
  });
}

function result(form) {
  const outcome = form.elements.outcome.value;
  const said = form.elements.said.value.trim();
  if (outcome.startsWith("fault: ")) {
    const kind = outcome.slice("fault: ".length);
    return { outcome: "fault", kind, message: said || kind };
  }
  if (outcome === "negative") return { outcome, reason: said, values: values(form) };
  return { outcome, values: values(form), ...(said ? { context: { comment: said } } : {}) };
}

document.getElementById("take")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const experiments = Number(form.elements.experiments.value.trim());
  if (!Number.isInteger(experiments) || experiments < 1) {
    sent(form, async () => "write how many experiments to take: a whole number from 1");
    return;
  }
  sent(form, async () => {
    const key = localStorage.getItem(waiting) ?? newKey();
    localStorage.setItem(waiting, key);
    const [status, answer] = await post("/ask", { experiments }, {
      "Idempotency-Key": key,
    });
    if (status >= 500) return answer.message;
    localStorage.removeItem(waiting);
    if (status !== 200) return answer.message;
    if (!answer.experiments.length) return [...answer.notes, answer.next_step].join("\n");
    reload(answer.notes);
    return "";
  });
});

for (const form of document.querySelectorAll("form.result")) {
  const { key, request } = form.closest("article").dataset;
  const draft = `hakken draft ${key} ${request}`;
  keepTyped(form, draft);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isMeant(form)) return;
    sent(form, async () => {
      const [, told] = await post(`/experiments/${key}/result`, result(form));
      if (told.verdict !== "accepted" && told.verdict !== "duplicate") return told.message;
      sessionStorage.removeItem(draft);
      reload(told.notes);
      return "";
    });
  });
  form.elements.back.addEventListener("click", () => {
    if (!confirm("Did nothing of it run? Whoever takes the next ones gets it.")) return;
    sent(form, async () => {
      const why = form.elements.said.value.trim();
      const [status, answer] = await post(`/experiments/${key}/give-back`, { request, why });
      if (status !== 200) return answer.message;
      sessionStorage.removeItem(draft);
      reload();
      return "";
    });
  });
}

document.getElementById("said").textContent = sessionStorage.getItem(notesOf) ?? "";
sessionStorage.removeItem(notesOf);
