// Runs in the local Slack before its own code.
const { readFileSync } = require("fs");
const { join } = require("path");

const clock = readFileSync(join(__dirname, "clock.html"), "utf-8");
const serve = Bun.serve;

async function withClock(page) {
  const html = await page.text();
  const end = html.lastIndexOf("</body>");
  const headers = { "content-type": "text/html;charset=utf-8" };
  return new Response(html.slice(0, end) + clock + html.slice(end), { status: page.status, headers });
}

Bun.serve = (options) =>
  serve.call(Bun, {
    ...options,
    // The binary listens on every address and has no option for it.
    hostname: "127.0.0.1",
    async fetch(request, server) {
      if (new URL(request.url).pathname === "/_frontline/clock") {
        const shows = Bun.file("clock.json");
        return (await shows.exists()) ? new Response(shows) : new Response("not yet", { status: 404 });
      }
      const page = await options.fetch.call(this, request, server);
      return page?.headers.get("content-type")?.startsWith("text/html") ? withClock(page) : page;
    },
  });
