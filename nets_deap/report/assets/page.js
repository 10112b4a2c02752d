"use strict";
// The library comes packed, because it is by far the largest part of the page. Charts are drawn once they are
// near the window, and the others when the browser has time.
(() => {
  const root = document.documentElement;
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("scheme");
  const all = [...document.querySelectorAll(".plot")];
  const drawn = new Set();

  const dark = () => (root.dataset.scheme ? root.dataset.scheme === "dark" : preferred.matches);

  const ready = (async () => {
    const text = atob(document.getElementById("library").textContent);
    const packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    if (!window.Plotly) throw new Error("the library did not start");
  })();

  // On a dark ground the darker colours of the series are lighter.
  const lighter = [
    ["#0072B2", "#45A5E6"], ["#D55E00", "#F08A45"], ["#009E73", "#2CC79B"],
    ["rgba(0,114,178", "rgba(69,165,230"], ["rgba(213,94,0", "rgba(240,138,69"], ["rgba(0,158,115", "rgba(44,199,155"],
  ];
  function figureOf(plot) {
    let text = plot.dataset.figure;
    if (dark()) for (const [before, after] of lighter) text = text.replaceAll(before, after);
    const figure = JSON.parse(text);
    figure.layout.uirevision = "kept"; // a zoom survives a change of colours
    for (const [path, value] of Object.entries(colors())) {
      const keys = path.split("."), last = keys.pop();
      keys.reduce((at, key) => (at[key] ??= {}), figure.layout)[last] = value;
    }
    return figure;
  }

  // The layout's colours that depend on the scheme, as Plotly takes them.
  function colors() {
    const style = getComputedStyle(root);
    const of = (name) => style.getPropertyValue(name).trim();
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      "font.color": of("--text"), "font.family": "system-ui, sans-serif", "font.size": 12,
      "hoverlabel.bgcolor": of("--panel"), "hoverlabel.bordercolor": of("--line"), "hoverlabel.font.color": of("--text"),
      "modebar.color": of("--faint"), "modebar.activecolor": of("--link"), "modebar.bgcolor": "rgba(0,0,0,0)",
    };
    for (const axis of ["xaxis", "yaxis"]) {
      layout[`${axis}.gridcolor`] = of("--grid");
      layout[`${axis}.linecolor`] = of("--line");
      layout[`${axis}.zerolinecolor`] = of("--line");
      layout[`${axis}.automargin`] = true;
    }
    return layout;
  }

  async function draw(plot) {
    if (drawn.has(plot)) return;
    drawn.add(plot);
    await ready;
    const figure = figureOf(plot);
    const config = { displaylogo: false, responsive: true, modeBarButtons: [["toImage", "resetScale2d"]] };
    await Plotly.newPlot(plot, figure.data, figure.layout, config);
    plot.dataset.drawn = "";
    root.dataset.first ??= Math.round(performance.now()); // ms until there was a chart, for whoever measures
    plot.on("plotly_click", (event) => {
      const place = event.points[0].customdata;
      const pick = plot.closest("section").querySelector(".pick select");
      if (!pick || !Number.isInteger(place)) return;
      pick.value = String(place);
      pick.dispatchEvent(new Event("change"));
      pick.scrollIntoView({ block: "start" });
    });
  }

  const visible = (plot) => plot.offsetParent !== null;
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(entry.target).catch(trouble);
  }, { rootMargin: "400px" });
  all.forEach((plot) => near.observe(plot));

  const later = window.requestIdleCallback || ((run) => setTimeout(run, 50));
  function rest() {
    const next = all.find((plot) => !drawn.has(plot) && visible(plot));
    if (next) draw(next).then(() => later(rest)).catch(trouble);
    else root.dataset.ready = "";
  }
  ready.then(() => later(rest)).catch(trouble);

  function trouble(error) {
    const told = document.getElementById("trouble");
    told.textContent = `The charts cannot be drawn here (${error.message}). The tables below them hold their data.`;
    told.hidden = false;
  }

  async function recolor(plot) {
    const figure = figureOf(plot);
    await Plotly.react(plot, figure.data, figure.layout);
  }
  function recolored() {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${dark() ? "light" : "dark"} scheme`);
    for (const plot of drawn) if ("drawn" in plot.dataset) recolor(plot).catch(trouble);
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.scheme = dark() ? "light" : "dark";
    recolored();
  });
  preferred.addEventListener("change", recolored);
  recolored();

  for (const pick of document.querySelectorAll(".pick select")) {
    const groups = [...pick.closest(".groups").querySelectorAll(".group")];
    const show = () => {
      groups.forEach((group, i) => { group.hidden = i !== Number(pick.value); });
      later(rest);
    };
    groups.forEach((group) => { group.querySelector("h3").hidden = true; });
    pick.addEventListener("change", show);
    show();
  }

  for (const copy of document.querySelectorAll(".copy")) {
    copy.hidden = !navigator.clipboard;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(copy.parentElement.querySelector("pre").textContent);
      copy.firstChild.textContent = "Copied";
      setTimeout(() => { copy.firstChild.textContent = "Copy"; }, 1500);
    });
  }

  // The section that is being read is marked in the navigation.
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const reading = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link, key) => (key === entry.target.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("main > section").forEach((section) => reading.observe(section));
})();
