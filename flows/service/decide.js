"use strict";
// Decides by the requests that programs make: batches that wait, stops, and taking a campaign up again.
const campaign = document.body.dataset.campaign;
const api = new URL(`../../api/campaigns/${encodeURIComponent(campaign)}`, location.href).href;

const notesOf = `hakken decided ${campaign}`;

// What there is to say of what was decided, on the page that is shown then.
function notes(told) {
  const halted = told.halted ? [`halted: ${told.halted.join(", ")}`] : [];
  return [...halted, ...(told.notes ?? [])].join("\n");
}

async function decide(form, path, body) {
  const said = form.querySelector("[role=status]");
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => (button.disabled = true));
  said.className = "soft";
  said.textContent = "sending…";
  try {
    const answer = await fetch(api + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    if (answer.ok) {
      sessionStorage.setItem(notesOf, notes(told));
      location.reload();
      return;
    }
    said.className = "bad";
    said.textContent = told.message;
  } catch (error) {
    said.className = "bad";
    const instead = path === "/halt" ? "nothing is halted, so stop the bench by hand" : "try again";
    said.textContent = `not sent (${error.message}); ${instead}`;
  }
  buttons.forEach((button) => (button.disabled = false));
}

// Only a button decides: Enter in a field would press the first of them.
function onButtons(form, act) {
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of form.querySelectorAll("button")) button.addEventListener("click", () => act(button.name));
}

function ticked(form, name) {
  const boxes = Array.from(form.querySelectorAll(`[name=${name}]`));
  return boxes.filter((box) => box.checked).map((box) => Number(box.value));
}

for (const form of document.querySelectorAll("form.said")) {
  form.elements.all?.addEventListener("change", ({ target }) => {
    form.querySelectorAll("[name=stop]").forEach((box) => (box.checked = target.checked));
  });
  onButtons(form, (what) => {
    const why = form.elements.why.value.trim();
    if (what === "halt" && !why) {
      form.querySelector("[role=status]").textContent = "say why the bench is halted, then press it again";
      form.elements.why.focus();
      return;
    }
    if (what === "lift") {
      const stops = ticked(form, "stop");
      if (!stops.length || !why) {
        form.querySelector("[role=status]").textContent = "tick what is lifted and say why, then press it again";
        return;
      }
      decide(form, "/resume", { stops, why }); // what is shown here, and not what came since
      return;
    }
    decide(form, `/${what}`, { why });
  });
}

for (const form of document.querySelectorAll("form.verdict")) {
  onButtons(form, (verdict) => {
    const only = ticked(form, "only");
    if (!only.length) {
      form.querySelector("[role=status]").textContent = "tick what is meant first";
      return;
    }
    const meaning = verdict === "refuse" ? form.elements.meaning.value || null : null;
    decide(form, `/rounds/${form.dataset.round}/verdict`, { verdict, only, why: form.elements.why.value.trim(), meaning });
  });
}

document.getElementById("said").textContent = sessionStorage.getItem(notesOf) ?? "";
sessionStorage.removeItem(notesOf);
