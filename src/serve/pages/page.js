// What the pages can do without, made quicker: keys, and parts that stay fresh. Nothing here decides anything by itself.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  // The token has been read; it need not stay in the address bar and the history.
  if (location.pathname.endsWith("/login") && location.search.includes("token=")) history.replaceState(null, "", location.pathname);

  const typing = (element) => element && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
  const pieces = () => [...document.querySelectorAll("ol.queue a.piece")];

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(document.activeElement)) return document.activeElement.blur();
    if (typing(document.activeElement)) return;
    if (event.key === "j" || event.key === "k") {
      const all = pieces();
      if (!all.length) return;
      const at = all.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
      all[Math.max(0, Math.min(all.length - 1, at))].focus();
      return event.preventDefault();
    }
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!target) return;
    event.preventDefault();
    // A decision wants a second key: the button gets the focus, Enter presses it.
    if (target.tagName === "BUTTON") return target.focus();
    target.click();
    const panel = target.hash && document.querySelector(target.hash);
    panel?.querySelector("textarea")?.focus({ preventScroll: true });
  });

  // Nothing that was typed is lost by closing the page.
  const typed = new Set();
  document.addEventListener("input", (event) => typed.add(event.target));
  document.addEventListener("submit", () => typed.clear());
  window.addEventListener("beforeunload", (event) => {
    if ([...typed].some((field) => field.tagName === "TEXTAREA" && field.value !== field.defaultValue)) event.preventDefault();
  });

  const live = document.querySelectorAll("[data-live]");
  if (live.length) {
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
        if (!answer.ok) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of live) {
          const now = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
          if (now && now.innerHTML !== part.innerHTML) part.replaceChildren(...document.importNode(now, true).childNodes);
        }
      } catch {
        // The service is away; what stands here stays.
      }
    }, 10000);
  }
})();
