// textual.js opens the address that its element names. It is made here, from where the page lies, so
// that no address stands in the page and a proxy may put anything before it.
document.addEventListener("DOMContentLoaded", () => {
  const address = new URL("ws", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  document.querySelector("#terminal").dataset.sessionWebsocketUrl = address.href;
});
