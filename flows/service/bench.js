"use strict";
// Takes experiments and reports results by the requests that programs make. What was asked for and not answered is asked
// for again under the same key, so that a page that was closed, or a network that failed, takes nothing twice.
const campaign = document.body.dataset.campaign;
const api = new URL(`../../api/campaigns/${encodeURIComponent(campaign)}`, location.href).href;
const waiting = `hakken ask ${campaign}`;

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
  sent(form, async () => {
    const key = localStorage.getItem(waiting) ?? newKey();
    localStorage.setItem(waiting, key);
    const [status, answer] = await post("/ask", { experiments: number(form.elements.experiments.value.trim()) }, {
      "Idempotency-Key": key,
    });
    if (status >= 500) return answer.message;
    localStorage.removeItem(waiting);
    if (status !== 200) return answer.message;
    if (!answer.experiments.length) return answer.next_step;
    location.reload();
    return "";
  });
});

for (const form of document.querySelectorAll("form.result")) {
  const { key, request } = form.closest("article").dataset;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sent(form, async () => {
      const [, told] = await post(`/experiments/${key}/result`, result(form));
      if (told.verdict !== "accepted" && told.verdict !== "duplicate") return told.message;
      location.reload();
      return "";
    });
  });
  form.elements.back.addEventListener("click", () => {
    sent(form, async () => {
      const why = form.elements.said.value.trim();
      const [status, answer] = await post(`/experiments/${key}/give-back`, { request, why });
      if (status !== 200) return answer.message;
      location.reload();
      return "";
    });
  });
}
