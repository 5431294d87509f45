(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.querySelector("main");
  const button = document.querySelector("#bar button");
  const said = document.querySelector("#bar span");
  const make = (tag, text, parent) => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    parent?.append(element);
    return element;
  };
  const folded = (text) => text.trim().toLowerCase();
  // Drafts outlive the page where the browser lets them; where it does not, nothing else is lost.
  const draftOf = (row) => `hakken ${data.campaign} ${row[data.key]}`;
  const remember = (row, typed) => { try { localStorage.setItem(draftOf(row), JSON.stringify(typed)); } catch { /* no storage */ } };
  const remembered = (row) => { try { return JSON.parse(localStorage.getItem(draftOf(row)) ?? "{}"); } catch { return {}; } };

  const forms = data.rows.map((row) => {
    const typed = remembered(row);
    const box = make("fieldset", "", main);
    const legend = make("legend", `${data.shown[0]} ${row[data.shown[0]] ?? ""}`, box);
    legend.title = row[data.key];
    const list = make("dl", "", box);
    for (const column of data.shown.slice(1)) {
      if (!row[column]) continue;
      const pair = make("div", "", list);
      make("dt", column, pair);
      make("dd", row[column], pair);
    }
    const fields = make("div", "", box);
    fields.className = "fields";
    const form = { row, typed, box };
    const changed = (column, value) => {
      if (value) typed[column] = value; else delete typed[column];
      remember(row, typed);
      box.classList.toggle("filled", Object.keys(typed).length > 0);
      count();
    };
    const field = (column, input) => {
      const label = make("label", column, fields);
      input.value = typed[column] ?? row[column] ?? "";
      input.name = column;
      input.addEventListener("input", () => changed(column, input.value.trim()));
      label.append(input);
    };
    const text = (column, pattern, title) => {
      const input = make("input");
      if (pattern) { input.pattern = pattern; input.title = title; input.inputMode = "decimal"; }
      field(column, input);
    };
    const words = (column, told) => {
      const list = make("datalist", "", fields);
      list.id = `${row[data.key]} ${column}`.replace(/\s/g, "_");
      for (const word of told) make("option", word, list);
      const input = make("input");
      input.setAttribute("list", list.id);
      input.title = `one of: ${told.join(", ")}`;
      field(column, input);
      const known = new Set(told.map(folded));
      const check = () => {
        const said = folded(input.value.replace(/^\s*[<>]/, ""));
        input.setCustomValidity(!said || known.has(said) || Number.isFinite(Number(said.replace(",", "."))) ? "" : input.title);
      };
      input.addEventListener("input", check);
      check();
    };
    const number = "[<>]?\\s*[\\-+]?(\\d+([.,]\\d*)?|[.,]\\d+)([eE][\\-+]?\\d+)?";
    for (const [value, deviation] of data.values) {
      if (data.words[value]) words(value, data.words[value]);
      else text(value, number, "a number, or a limit such as <1");
      text(deviation, number, "a number");
    }
    for (const column of data.beside) text(column);
    const outcome = make("select");
    for (const word of ["", ...data.outcomes]) make("option", word, outcome);
    field(data.outcome, outcome);
    text(data.comment);
    const label = make("label", data.file, fields);
    const file = make("input", "", label);
    file.type = "file";
    file.multiple = true;
    file.name = data.file;
    file.addEventListener("change", () => changed(data.file, [...file.files].map((f) => f.name).join("; ")));
    box.classList.toggle("filled", Object.keys(typed).length > 0);
    return form;
  });

  const filled = () => forms.filter((form) => Object.keys(form.typed).length > 0);
  const count = () => {
    button.disabled = filled().length === 0;
    const names = filled().map((form) => form.typed[data.file]).filter(Boolean);
    const put = names.length ? ` Put beside it: ${names.join("; ")}.` : "";
    said.textContent = `${filled().length} of ${forms.length} filled in.${put}`;
  };
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const plain = (text) => (/^[<>]?\s*[-+]?\d*,\d+([eE][-+]?\d+)?$/.test(text) ? text.replace(",", ".") : text);
  button.addEventListener("click", () => {
    const results = data.values.flat();
    const columns = [data.key, ...data.shown, ...results, ...data.beside, data.outcome, data.comment, data.file];
    const lines = filled().map(({ row, typed }) => {
      const said = { ...row, ...typed };
      return columns.map((c) => cell(results.includes(c) ? plain(said[c] ?? "") : said[c] ?? "")).join(",");
    });
    const text = "\ufeff" + [columns.map(cell).join(","), ...lines].join("\r\n") + "\r\n";
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = data.returned;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  count();
})();
