// Passkeys: a form asks the server what to sign, the browser asks the person, and the answer goes back in the form.
// The server's page that follows is like any other; nothing is kept here.

const WORDS = {
  NotAllowedError: "No passkey was chosen. Try again, or use another way.",
  InvalidStateError: "This device has a passkey for this account already.",
  SecurityError: "Passkeys do not work at this address.",
  none: "This browser has no passkeys.",
  lost: "Jarvis could not be reached. Try again in a moment.",
};

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function named(list) {
  return (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
}

async function asked(form) {
  const fields = new URLSearchParams(new FormData(form));
  fields.delete("credential");
  const answer = await fetch(`${form.getAttribute("action")}/options`, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: fields,
  });
  const options = await answer.json();
  if (!answer.ok) throw new Error(options.error);
  return options;
}

async function created(options) {
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: named(options.excludeCredentials),
    },
  });
  return {
    ...head(credential),
    response: {
      clientDataJSON: text(credential.response.clientDataJSON),
      attestationObject: text(credential.response.attestationObject),
      transports: credential.response.getTransports?.() ?? [],
    },
  };
}

async function got(options) {
  const credential = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
  return {
    ...head(credential),
    response: {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    },
  };
}

function head(credential) {
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function follow(form) {
  const word = form.querySelector(".passkey-word");
  const button = form.querySelector("button");
  word.hidden = true;
  button.disabled = true;
  try {
    if (!window.PublicKeyCredential) throw new Error(WORDS.none);
    const options = await asked(form);
    const credential = await (form.dataset.passkey === "create" ? created(options) : got(options));
    form.elements.credential.value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    word.textContent = WORDS[error.name] ?? (error instanceof TypeError || error instanceof SyntaxError ? WORDS.lost : error.message);
    word.hidden = false;
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    follow(form);
  });
}
