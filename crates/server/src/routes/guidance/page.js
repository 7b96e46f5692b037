"use strict";
const WORDS = {
  nl: {
    title: "Gebruiksafspraken lezen en bevestigen",
    intro: "Plak hieronder de sleutel van uw toepassing, of uw token. Die gaat alleen mee in de kop van het verzoek aan deze server, en wordt op deze pagina niet bewaard.",
    key: "Uw sleutel of token", "case": "Toepassing (alleen nodig bij een token dat er meer opent)", read: "Lees de afspraken",
    check: "Ik heb deze afspraken gelezen en houd mij eraan.", confirm: "Bevestig",
    person: "U staat bekend als", version: "versie", training: "Trainingen", until: "geldt tot",
    states: {
      never: "U hebt deze afspraken nog niet bevestigd.",
      older: "De afspraken zijn gewijzigd sinds u ze bevestigde. Lees ze opnieuw.",
      expired: "Het is te lang geleden dat u deze afspraken bevestigde. Lees ze opnieuw.",
      current: "U hebt deze afspraken bevestigd.",
    },
    trainings: { missing: "niet vastgelegd", expired: "verlopen", current: "vastgelegd" },
    failed: "De server is niet te bereiken, of wat u plakte bevat tekens die niet in een sleutel horen.",
  },
  en: {
    title: "Read and acknowledge the guidance",
    intro: "Paste the key of your use case, or your token, below. It travels only in the header of the request to this server, and this page does not keep it.",
    key: "Your key or token", "case": "Use case (needed only with a token that opens several)", read: "Read the guidance",
    check: "I have read this guidance and will keep to it.", confirm: "Confirm",
    person: "You are known as", version: "version", training: "Trainings", until: "counts until",
    states: {
      never: "You have not acknowledged this guidance yet.",
      older: "The guidance has changed since you acknowledged it. Read it again.",
      expired: "It is too long since you acknowledged this guidance. Read it again.",
      current: "You have acknowledged this guidance.",
    },
    trainings: { missing: "not recorded", expired: "lapsed", current: "recorded" },
    failed: "The server cannot be reached, or what you pasted holds characters that no key has.",
  },
};
const at = (id) => document.getElementById(id);
let lang = (navigator.language || "nl").toLowerCase().startsWith("en") ? "en" : "nl";
let page = null;

function put(parent, tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

// Headings, lists and paragraphs, as text: nothing of the guidance becomes markup.
function render(into, markdown) {
  into.replaceChildren();
  let list = null, open = null;
  for (const line of markdown.split("\n")) {
    const text = line.trim();
    const heading = /^(#{1,3}) (.*)$/.exec(text);
    const item = /^[-*] (.*)$/.exec(text);
    if (text === "") {
      list = open = null;
    } else if (heading) {
      put(into, heading[1].length > 1 ? "h3" : "h2", heading[2]);
      list = open = null;
    } else if (item) {
      list = list || into.appendChild(document.createElement("ul"));
      open = put(list, "li", item[1]);
    } else if (open) {
      open.textContent += " " + text;
    } else {
      open = put(into, "p", text);
    }
  }
}

function day(seconds) {
  return new Date(seconds * 1000).toLocaleDateString(lang, { day: "numeric", month: "long", year: "numeric" });
}

function show() {
  const words = WORDS[lang];
  document.documentElement.lang = lang;
  document.title = words.title;
  for (const id of ["title", "intro", "read", "confirm"]) at(id).textContent = words[id];
  at("key-label").textContent = words.key;
  at("case-label").textContent = words.case;
  at("check-label").textContent = words.check;
  for (const one of ["nl", "en"]) at(one).setAttribute("aria-pressed", String(one === lang));
  at("guidance").hidden = page === null;
  if (page === null) return;
  render(at("text"), page.text);
  at("about").textContent = `${page.id}, ${words.version} ${page.version}, SHA-256 ${page.sha256}`;
  const until = page.valid_until ? ` (${words.until} ${day(page.valid_until)})` : "";
  at("state").textContent = words.states[page.state] + (page.acknowledged ? until : "");
  at("state").className = page.acknowledged ? "box good" : "box bad";
  at("give").hidden = page.acknowledged;
  at("training").replaceChildren();
  if (page.training.length > 0) {
    put(at("training"), "h2", words.training);
    put(at("training"), "p", `${words.person}: ${page.person}`);
  }
  for (const one of page.training) {
    const until = one.valid_until ? `, ${words.until} ${day(one.valid_until)}` : "";
    const box = put(at("training"), "div", `${one.id}: ${words.trainings[one.state]}${until}. ${one.about || ""}`);
    box.className = one.state === "current" ? "box good" : "box bad";
  }
}

async function ask(method, path, body) {
  at("error").hidden = true;
  const headers = { Accept: "application/json", Authorization: "Bearer " + at("key").value.trim() };
  const useCase = at("case").value.trim();
  if (useCase) headers["OpenAI-Project"] = useCase;
  if (body) headers["Content-Type"] = "application/json";
  try {
    const options = { method, headers, cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer" };
    const reply = await fetch(path, body ? { ...options, body: JSON.stringify(body) } : options);
    const said = await reply.json();
    if (reply.ok) {
      page = said;
    } else {
      tell((lang === "nl" && said.error.remedy_nl) || said.error.message);
    }
  } catch {
    tell(WORDS[lang].failed);
  }
  show();
}

function tell(text) {
  at("error").textContent = text;
  at("error").hidden = false;
}

const read = () => ask("GET", "/v1/proeftuin/guidance?lang=" + lang);
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  page = null;
  read();
});
at("give").addEventListener("submit", (event) => {
  event.preventDefault();
  at("confirm").disabled = true;
  at("check").checked = false;
  ask("POST", "/v1/proeftuin/guidance/acknowledge?lang=" + lang, { sha256: page.sha256 });
});
at("check").addEventListener("change", () => { at("confirm").disabled = !at("check").checked; });
for (const one of ["nl", "en"]) {
  at(one).addEventListener("click", () => {
    lang = one;
    show();
    if (page !== null) read();
  });
}
show();
