// A form with data-passkey asks the browser to create or to use a passkey, and sends the answer in `credential`.
// The options are in the element #passkey-options; without it, they come from the form's own address.
// webauthnJSON is allauth's copy of github/webauthn-json.
const api = window.webauthnJSON;

async function optionsFor(form) {
  const embedded = document.getElementById("passkey-options");
  if (embedded) return JSON.parse(embedded.textContent);
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

async function created(form) {
  const { creation_options: options } = await optionsFor(form);
  const isAlone = form.elements.passwordless?.checked ?? false;
  Object.assign(options.publicKey.authenticatorSelection, {
    residentKey: isAlone ? "required" : "discouraged",
    requireResidentKey: isAlone,
    userVerification: isAlone ? "required" : "preferred",
  });
  return api.create(options);
}

async function used(form) {
  const { request_options: options } = await optionsFor(form);
  return api.get(options);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("button[type=submit]");
  const problem = form.querySelector("[data-problem]");
  const say = (text) => { problem.textContent = text; problem.hidden = !text; };
  if (!api.supported()) {
    button.disabled = true;
    say(form.dataset.unsupported);
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    button.disabled = true;
    try {
      const credential = await (form.dataset.passkey === "create" ? created(form) : used(form));
      form.elements.credential.value = JSON.stringify(credential);
      form.submit();
    } catch (error) {
      say(error.name === "InvalidStateError" ? form.dataset.known : form.dataset.stopped);
      button.disabled = false;
    }
  });
}
