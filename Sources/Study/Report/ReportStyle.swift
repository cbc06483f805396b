/// The style sheet of the report. Colours are Okabe and Ito's, which stay apart for colour-blind readers, in a darker set
/// for light pages and a lighter one for dark pages; lines differ in dashes too.
enum ReportStyle {
    static let css = """
        :root { color-scheme: light dark;
          --page: #ffffff; --ink: #1d232b; --soft: #5b6672; --rule: #d9dee4; --panel: #f5f7f9; --accent: #0b5cad;
          --good: #1a7f43; --bad: #b3261e; --open: #6b7480;
          --c0: #4a5058; --c1: #0072b2; --c2: #c25400; --c3: #00805d; --c4: #a3457f; --c5: #8a6d00; --c6: #3b8fc4; --c7: #7a4a20; }
        @media (prefers-color-scheme: dark) { :root {
          --page: #14181d; --ink: #e4e8ed; --soft: #9aa5b1; --rule: #343c46; --panel: #1c2229; --accent: #7db8f0;
          --good: #5ccf88; --bad: #ff8a80; --open: #97a3af;
          --c0: #b8c0c9; --c1: #5db6ec; --c2: #f59a4a; --c3: #3ecfa4; --c4: #e08cc0; --c5: #e6c84c; --c6: #9ad2f5; --c7: #d0a07a; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink);
          font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
        main { max-width: 1040px; margin: 0 auto; padding: 40px 24px 80px; }
        h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
        h2 { font-size: 21px; margin: 44px 0 12px; padding-bottom: 6px; border-bottom: 1px solid var(--rule); }
        h3 { font-size: 16px; margin: 28px 0 6px; }
        p { margin: 6px 0; max-width: 76ch; } .soft, .note { color: var(--soft); } .note { font-size: 14px; }
        code, pre { font: 13px/1.5 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
        pre { background: var(--panel); padding: 12px 14px; border-radius: 6px; overflow-x: auto; margin: 8px 0; }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; margin: 8px 0; font-size: 14px; }
        th, td { padding: 5px 14px 5px 0; text-align: left; vertical-align: baseline; overflow-wrap: anywhere; }
        th { font-weight: 600; border-bottom: 1.5px solid var(--ink); vertical-align: bottom; overflow-wrap: normal; } td { border-bottom: 1px solid var(--rule); }
        th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
        td.number { white-space: nowrap; } td:first-child { min-width: 11em; }
        .facts { display: flex; flex-wrap: wrap; gap: 8px 36px; margin: 18px 0 0; padding: 0; list-style: none; }
        .facts b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; } .facts li { color: var(--soft); font-size: 14px; }
        .facts b { color: var(--ink); }
        ul.said { list-style: none; padding: 0; margin: 10px 0; }
        ul.said li { padding: 6px 0 6px 112px; position: relative; border-bottom: 1px solid var(--rule); }
        ul.said li > .word { position: absolute; left: 0; top: 6px; font-weight: 600; font-size: 14px; }
        .good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 20px 28px; }
        .figures.small { grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); }
        figure { margin: 10px 0; min-width: 0; } figure svg { width: 100%; height: auto; display: block; }
        figcaption { font-weight: 600; font-size: 14px; margin-bottom: 2px; }
        .legend { font-size: 13px; color: var(--soft); display: flex; flex-wrap: wrap; gap: 2px 16px; margin-bottom: 4px; }
        .key svg { display: inline-block; width: 24px; height: 8px; margin-right: 6px; vertical-align: middle; }
        .legend .good { color: var(--good); } .legend .bad { color: var(--bad); } .legend .open { color: var(--open); }
        svg text { font: 12px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; fill: var(--ink); }
        svg text.tick { fill: var(--soft); font-size: 11px; }
        svg .grid { stroke: var(--rule); stroke-width: 1; } svg .axis { stroke: var(--soft); stroke-width: 1; }
        svg .reference { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; }
        svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; } svg .bar { stroke-width: 1.5; }
        svg .c0 { stroke: var(--c0); } svg .c1 { stroke: var(--c1); stroke-dasharray: 7 3; } svg .c2 { stroke: var(--c2); stroke-dasharray: 2 3; }
        svg .c3 { stroke: var(--c3); } svg .c4 { stroke: var(--c4); stroke-dasharray: 9 3 2 3; } svg .c5 { stroke: var(--c5); stroke-dasharray: 5 2; }
        svg .c6 { stroke: var(--c6); } svg .c7 { stroke: var(--c7); stroke-dasharray: 3 2; }
        svg .bar { stroke-dasharray: none; } svg .dot { stroke-dasharray: none; stroke-width: 1.5; fill: var(--page); }
        svg .good { stroke: var(--good); } svg .bad { stroke: var(--bad); } svg .open { stroke: var(--open); }
        svg .dot.good { fill: var(--good); } svg .dot.bad { fill: var(--bad); } svg .dot.open { fill: var(--open); }
        details summary { cursor: pointer; font-weight: 600; margin: 10px 0; }
        @media print { main { padding: 0; max-width: none; } h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
        """
}
