// SPDX-License-Identifier: Apache-2.0
"use strict";

// Puts a new state in the page's place every two seconds if the window ends now. It waits while text is selected or the page is
// hidden. When the console itself is away it says since when and goes on trying.
const now = document.getElementById("now");
const every = 2000;
let away = null;

function say(text) {
  let banner = document.getElementById("away");
  if (text === null) {
    if (banner) banner.remove();
    return;
  }
  if (!banner) {
    banner = document.createElement("p");
    banner.id = "away";
    banner.className = "banner";
    banner.setAttribute("role", "alert");
    now.before(banner);
  }
  banner.textContent = text;
}

async function refresh() {
  if (document.hidden || getSelection().type === "Range") return;
  try {
    const answer = await fetch("now" + (now.dataset.query ? "?" + now.dataset.query : ""), { signal: AbortSignal.timeout(10000) });
    const text = await answer.text();
    if (answer.status >= 500) throw new Error("the console answers " + answer.status);
    now.innerHTML = text;
    away = null;
    say(null);
  } catch (error) {
    away = away || new Date();
    say("The console does not answer since " + away.toLocaleTimeString() + ". What is below is older.");
  }
}

async function loop() {
  await refresh();
  setTimeout(loop, every);
}
if ("live" in now.dataset) setTimeout(loop, every);
