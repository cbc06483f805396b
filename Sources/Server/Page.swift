import HTTPTypes

/// The page at `/`: one document without anything from elsewhere, for people who look at a server or try a request.
/// What it shows comes from `/v1/status`, what it sends goes to `/v1/rank` and `/v1/score`.
enum Page {
    static let answer: Answer = {
        var answer = Answer(Array(html.utf8), contentType: "text/html; charset=utf-8")
        answer.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        answer.headers[.cacheControl] = "no-cache"
        return answer
    }()

    // Texts from the server are put in as text, never as markup.
    static let html = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Hindsight</title>
        <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath d='M16 5a11 11 0 1 0 11 11' fill='none' stroke='%23c8602b' stroke-width='4' stroke-linecap='round'/%3E%3Ccircle cx='16' cy='16' r='4' fill='%23c8602b'/%3E%3C/svg%3E">
        <style>
        :root {
          --paper: #faf8f4; --card: #ffffff; --ink: #23211e; --soft: #756f66; --line: #e6e1d8;
          --accent: #b4501f; --accent-soft: #f6e3d6; --good: #2f7d4f; --bad: #b3261e;
          --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --paper: #181715; --card: #211f1c; --ink: #ece7de; --soft: #a09889; --line: #38342e;
            --accent: #e98a55; --accent-soft: #3d2a1e; --good: #6fc28f; --bad: #ff8a80;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--paper); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
        }
        main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 48px; }
        header { display: flex; flex-wrap: wrap; align-items: center; gap: 12px 16px; margin-bottom: 24px; }
        header svg { width: 34px; height: 34px; flex: none; }
        h1 { font-size: 22px; font-weight: 650; letter-spacing: -.01em; margin: 0; }
        h2 { font-size: 13px; font-weight: 600; letter-spacing: .05em; text-transform: uppercase; color: var(--soft); margin: 0 0 14px; }
        .state { margin-left: auto; display: inline-flex; align-items: center; gap: 8px; padding: 4px 12px; border-radius: 99px; border: 1px solid var(--line); background: var(--card); font-size: 13px; }
        .state::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--soft); }
        .state.ready::before { background: var(--good); }
        .state.down::before { background: var(--bad); }
        .grid { display: grid; gap: 16px; grid-template-columns: repeat(12, minmax(0, 1fr)); }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px; grid-column: span 12; min-width: 0; }
        @media (min-width: 800px) { .five { grid-column: span 5; } .seven { grid-column: span 7; } }
        .figures { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 14px; }
        @media (min-width: 560px) { .figures { grid-template-columns: repeat(6, minmax(0, 1fr)); } }
        .figure b { display: block; font-size: 25px; font-weight: 600; letter-spacing: -.02em; font-variant-numeric: tabular-nums; line-height: 1.2; }
        .figure span { color: var(--soft); font-size: 13px; }
        dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 16px; margin: 0; }
        dt { color: var(--soft); }
        dd { margin: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-variant-numeric: tabular-nums; }
        .mono { font-family: var(--mono); font-size: 13px; }
        svg.chart { display: block; width: 100%; height: 120px; margin-top: 18px; overflow: visible; }
        .chart .area { fill: var(--accent-soft); stroke: none; }
        .chart .line { fill: none; stroke: var(--accent); stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
        .chart line { stroke: var(--line); vector-effect: non-scaling-stroke; }
        .caption { display: flex; justify-content: space-between; color: var(--soft); font-size: 12px; margin-top: 6px; }
        label { display: block; font-size: 13px; color: var(--soft); margin-bottom: 6px; }
        textarea, input, select {
          width: 100%; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
          padding: 10px 12px; font: 13px/1.5 var(--mono);
        }
        input, select { height: 42px; }
        textarea { min-height: 330px; resize: vertical; tab-size: 2; }
        :is(textarea, input, select, button):focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
        .row { display: flex; gap: 12px; flex-wrap: wrap; align-items: end; margin-bottom: 12px; }
        .row > div { flex: 1 1 150px; }
        button { font: 600 14px/1 system-ui, sans-serif; color: #fff; background: #b4501f; border: 0; border-radius: 8px; padding: 12px 20px; cursor: pointer; }
        button:hover { filter: brightness(1.08); }
        button:disabled { opacity: .5; cursor: default; }
        #message { color: var(--soft); font-size: 13px; margin-left: 12px; }
        #message.bad { color: var(--bad); }
        .scroll { overflow-x: auto; }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
        th { text-align: right; font-weight: 500; color: var(--soft); font-size: 12px; padding: 0 10px 6px; }
        td { text-align: right; padding: 7px 10px; border-top: 1px solid var(--line); }
        th:nth-child(2), td:nth-child(2) { text-align: left; font-family: var(--mono); font-size: 13px; }
        th:first-child, td:first-child { width: 28px; color: var(--soft); padding-left: 0; }
        .bar { display: inline-block; height: 5px; border-radius: 3px; background: var(--accent); vertical-align: middle; }
        td.track { width: 28%; text-align: left; }
        .stages { display: flex; height: 22px; border-radius: 6px; overflow: hidden; margin: 0 0 6px; gap: 1px; }
        .stages i { display: block; background: var(--accent); min-width: 2px; }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; color: var(--soft); font-size: 12px; margin-bottom: 18px; }
        .legend span::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; background: var(--swatch); }
        pre { margin: 14px 0 0; padding: 12px; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; font: 12px/1.5 var(--mono); white-space: pre-wrap; word-break: break-word; max-height: 260px; overflow: auto; }
        .empty { color: var(--soft); }
        details { margin-top: 14px; } summary { cursor: pointer; color: var(--soft); font-size: 13px; }
        footer { color: var(--soft); font-size: 13px; margin-top: 22px; display: flex; flex-wrap: wrap; gap: 6px 18px; }
        footer a { color: inherit; }
        </style>
        </head>
        <body>
        <main>
        <header>
          <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 5a11 11 0 1 0 11 11" fill="none" stroke="var(--accent)" stroke-width="3.4" stroke-linecap="round"/><circle cx="16" cy="16" r="4" fill="var(--accent)"/></svg>
          <h1>Hindsight <span id="model" style="color:var(--soft);font-weight:450"></span></h1>
          <span class="state" id="state" role="status">connecting</span>
        </header>
        <div class="grid">
          <section class="card five" aria-labelledby="h-version">
            <h2 id="h-version">Version</h2>
            <dl>
              <dt>serves</dt><dd class="mono" id="version">–</dd>
              <dt>before</dt><dd class="mono" id="previous">–</dd>
              <dt>task</dt><dd id="task">–</dd>
              <dt>items</dt><dd id="items">–</dd>
              <dt>loaded</dt><dd id="loaded">–</dd>
              <dt>up</dt><dd id="uptime">–</dd>
              <dt>mean score</dt><dd id="mean">–</dd>
              <dt>score drift</dt><dd id="drift">–</dd>
            </dl>
          </section>
          <section class="card seven" aria-labelledby="h-latency">
            <h2 id="h-latency">Latency, last minute</h2>
            <div class="figures">
              <div class="figure"><b id="p50">–</b><span>median ms</span></div>
              <div class="figure"><b id="p99">–</b><span>99 % ms</span></div>
              <div class="figure"><b id="rate">–</b><span>requests/s</span></div>
              <div class="figure"><b id="busy">–</b><span>running</span></div>
              <div class="figure"><b id="waiting">–</b><span>waiting</span></div>
              <div class="figure"><b id="shed">–</b><span>shed</span></div>
            </div>
            <svg class="chart" id="chart" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="Median latency over the last minutes">
              <line x1="0" x2="100" y1="40" y2="40"/><line x1="0" x2="100" y1="20" y2="20" stroke-dasharray="2 3"/>
              <path class="area" id="area"/><path class="line" id="line"/>
            </svg>
            <div class="caption"><span>median, sampled every 2 s</span><span id="scale"></span></div>
          </section>
          <section class="card five" aria-labelledby="h-try">
            <h2 id="h-try">Try a request</h2>
            <form id="form">
              <div class="row">
                <div><label for="path">Path</label><select id="path"><option>/v1/rank</option><option>/v1/score</option></select></div>
                <div><label for="token">Bearer token, if needed</label><input id="token" type="password" autocomplete="off"></div>
              </div>
              <label for="body">Body</label>
              <textarea id="body" spellcheck="false"></textarea>
              <p style="margin:12px 0 0"><button id="send">Send</button><span id="message" role="status"></span></p>
            </form>
            <details><summary>As curl</summary><pre id="curl"></pre></details>
          </section>
          <section class="card seven" aria-labelledby="h-answer">
            <h2 id="h-answer">Answer</h2>
            <div id="answer"><p class="empty">Nothing asked yet.</p></div>
          </section>
        </div>
        <footer>
          <span>Train with what you only learn afterwards, serve with what you know now.</span>
          <a href="/openapi.json">OpenAPI</a><a href="/metrics">Metrics</a><a href="/v2">Open Inference Protocol</a>
        </footer>
        </main>
        <script>
        "use strict";
        const at = id => document.getElementById(id);
        const put = (id, text) => { at(id).textContent = text; };
        const make = (tag, text, className) => {
          const node = document.createElement(tag);
          if (text !== undefined) node.textContent = text;
          if (className) node.className = className;
          return node;
        };
        const figure = value => value == null ? "–" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
        const span = seconds => seconds < 90 ? seconds.toFixed(0) + " s" : seconds < 5400 ? (seconds / 60).toFixed(0) + " min"
          : seconds < 129600 ? (seconds / 3600).toFixed(0) + " h" : (seconds / 86400).toFixed(0) + " days";
        const headers = () => at("token").value ? { Authorization: "Bearer " + at("token").value } : {};
        const medians = [];
        let status = null;

        async function refresh() {
          try {
            const response = await fetch("/v1/status", { headers: headers() });
            if (response.status === 401) { state("needs the token", ""); return; }
            if (!response.ok) throw new Error(response.status);
            show(await response.json());
          } catch { state("does not answer", "down"); }
        }
        function state(text, className) { put("state", text); at("state").className = "state " + className; }
        function show(now) {
          const first = status === null;
          status = now;
          state(now.ready ? "ready" : "draining", now.ready ? "ready" : "down");
          put("model", now.model);
          put("version", now.version.slice(0, 16)); at("version").title = now.version;
          put("previous", now.previous_version ? now.previous_version.slice(0, 16) : "none");
          put("task", now.task.toUpperCase() + (now.has_fine_ranker ? ", with fine ranking" : ""));
          put("items", now.items.toLocaleString("en"));
          put("loaded", span(now.loaded_seconds_ago) + " ago");
          put("uptime", span(now.uptime_seconds));
          const score = now.score.rank.count >= now.score.score.count ? now.score.rank : now.score.score;
          put("mean", score.mean == null ? "–" : score.mean.toFixed(4));
          const [psi, than] = score.reference ? [score.drift_psi, score.reference] : [score.drift_psi_first, "first scores"];
          put("drift", psi == null ? "not enough scores yet"
            : "PSI " + psi.toFixed(3) + (psi > .25 ? ", changed" : psi > .1 ? ", moving" : ", steady"));
          at("drift").title = "against " + than;
          const recent = now.last_minute;
          put("p50", figure(recent.p50_ms)); put("p99", figure(recent.p99_ms));
          put("rate", figure(recent.per_second)); put("busy", now.running + "/" + now.workers);
          put("waiting", now.waiting); put("shed", now.shed.toLocaleString("en"));
          medians.push(recent.p50_ms ?? 0);
          if (medians.length > 90) medians.shift();
          draw();
          if (first) suggest();
        }
        function draw() {
          const top = Math.max(1, ...medians) * 1.15, width = 100 / 89;
          const start = 100 - (medians.length - 1) * width;
          const points = medians.map((value, i) => (start + i * width).toFixed(2) + " " + (40 - 40 * value / top).toFixed(2));
          const line = "M" + points.join("L");
          at("line").setAttribute("d", line);
          at("area").setAttribute("d", line + "L100 40L" + start.toFixed(2) + " 40Z");
          put("scale", "top " + figure(top) + " ms");
        }
        const sample = feature => feature.list ? [] : feature.number ? 0 : "";
        function suggest() {
          const user = {}, candidate = {};
          for (const feature of status.features) (feature.side === "user" ? user : candidate)[feature.name] = sample(feature);
          if (status.items === 0) at("path").value = "/v1/score";
          const body = at("path").value === "/v1/rank" ? { user, candidates: "all", k: 10, stages: true }
            : { requests: [{ user, candidates: [candidate] }] };
          at("body").value = JSON.stringify(body, null, 2);
          curl();
        }
        function curl() {
          const quoted = at("body").value.replace(/\s*\n\s*/g, " ").replace(/'/g, "'\\''");
          put("curl", "curl -s " + location.origin + at("path").value + " -d '" + quoted + "'");
        }
        async function send() {
          at("send").disabled = true;
          at("message").className = ""; put("message", "");
          const start = performance.now();
          try {
            const response = await fetch(at("path").value, {
              method: "POST", headers: { "Content-Type": "application/json", ...headers() }, body: at("body").value });
            const took = performance.now() - start, answer = await response.json();
            if (response.ok) {
              put("message", took.toFixed(1) + " ms, as this browser sees it");
              show_answer(answer);
            } else {
              at("message").className = "bad";
              put("message", response.status + " " + (answer.error?.code ?? ""));
              show_raw(answer);
            }
          } catch (error) { at("message").className = "bad"; put("message", String(error)); }
          at("send").disabled = false;
          refresh();
        }
        function show_raw(answer) { at("answer").replaceChildren(raw(answer)); }
        function raw(answer) { return make("pre", JSON.stringify(answer, null, 2)); }
        function show_answer(answer) {
          const parts = [];
          if (answer.stages?.length) parts.push(...stages(answer.stages));
          if (answer.items) parts.push(items(answer.items));
          const details = make("details"); details.append(make("summary", "As JSON"), raw(answer));
          parts.push(answer.items ? details : raw(answer));
          at("answer").replaceChildren(...parts);
        }
        function stages(list) {
          const total = list.reduce((sum, stage) => sum + stage.seconds, 0) || 1;
          const bar = make("div", undefined, "stages"), legend = make("div", undefined, "legend");
          list.forEach((stage, i) => {
            const part = make("i"), strength = 100 - 70 * i / Math.max(1, list.length - 1);
            const colour = "color-mix(in srgb, var(--accent) " + strength.toFixed(0) + "%, var(--line))";
            part.style.flex = (stage.seconds / total).toFixed(4) + " 1 0"; part.style.background = colour;
            const text = stage.name + " " + (1000 * stage.seconds).toFixed(2) + " ms, " + stage.inputs.toLocaleString("en") + " → " + stage.outputs.toLocaleString("en");
            part.title = text;
            const entry = make("span", text); entry.style.setProperty("--swatch", colour);
            bar.append(part); legend.append(entry);
          });
          return [bar, legend];
        }
        function items(list) {
          if (!list.length) return make("p", "No item passed.", "empty");
          const columns = ["score", "ctr", "cvr", "price"].filter(name => list.some(item => item[name] !== undefined));
          const top = Math.max(...list.map(item => item.score)) || 1;
          const table = make("table"), head = make("tr");
          head.append(make("th", ""), make("th", "item"), ...columns.map(name => make("th", name)), make("th", ""));
          table.append(head);
          list.slice(0, 50).forEach((item, i) => {
            const row = make("tr");
            row.append(make("td", i + 1), make("td", item.id), ...columns.map(name => make("td", item[name] === undefined ? "–" : Number(item[name]).toPrecision(4))));
            const track = make("td", undefined, "track"), bar = make("span", undefined, "bar");
            bar.style.width = Math.max(1, 100 * item.score / top).toFixed(1) + "%";
            track.append(bar); row.append(track); table.append(row);
          });
          const scroll = make("div", undefined, "scroll"); scroll.append(table); return scroll;
        }
        at("form").addEventListener("submit", event => { event.preventDefault(); send(); });
        at("path").addEventListener("change", suggest);
        at("body").addEventListener("input", curl);
        at("token").addEventListener("change", refresh);
        refresh().then(() => { if (location.hash === "#try") send(); });
        setInterval(refresh, 2000);
        </script>
        </body>
        </html>
        """#
}
