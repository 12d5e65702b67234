// One scrubber: a picture and the sliders that choose among its frames.
// Plain JavaScript, no library. It may run twice, or find its twin on the same page.
(function (data) {
  const make = (parent, tag, attributes, text) => {
    const element = document.createElement(tag);
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    if (text) element.textContent = text;
    parent.appendChild(element);
    return element;
  };

  const start = (root) => {
    if (root.scrubberRuns) return;
    root.scrubberRuns = true;
    const image = root.querySelector("img");
    const shown = root.querySelector(".scrub-shown");
    root.querySelectorAll(".scrub-controls").forEach((old) => old.remove());
    root.classList.add("scrub-live");
    const panel = make(root, "div", { class: "scrub-controls", role: "group", "aria-label": data.group });
    root.insertBefore(panel, image.nextSibling);

    // The poster is one of the frames, so it is not stored twice.
    const frames = data.frames.map((source) => source || data.poster || image.src);
    data.poster = frames[data.start];
    const loaded = [];
    let wanted = data.start;
    let timer = null;
    let saying = null;

    const rows = data.controls.map((control) => {
      const row = make(panel, "div", { class: "scrub-row" });
      const label = make(row, "label", {});
      make(label, "span", {}, control.label);
      // JupyterLab takes arrow keys for itself unless the element under the focus says no.
      const input = make(label, "input", {
        type: "range", min: 0, max: control.values.length - 1, step: 1, "data-lm-suppress-shortcuts": "true",
      });
      // Screen readers hear the slider's own value text; the visible copy stays quiet.
      const output = make(row, "output", { "aria-live": "off" });
      // As wide as the longest value, so that the slider keeps its place.
      output.style.minWidth = Math.max(...control.values.map((value) => value.length)) + "ch";
      return { control, input, output };
    });
    const said = make(panel, "output", { class: "scrub-said" });

    const place = (index) => {
      for (let k = rows.length - 1; k >= 0; k--) {
        const count = data.controls[k].values.length;
        rows[k].input.value = index % count;
        index = Math.floor(index / count);
      }
    };
    const draw = () => {
      wanted = rows.reduce((index, row) => index * row.control.values.length + Number(row.input.value), 0);
      const words = rows.map((row) => {
        const value = row.control.values[row.input.value];
        row.input.setAttribute("aria-valuetext", value);
        row.output.textContent = value;
        return row.control.label + " = " + value;
      });
      shown.textContent = data.shown + " " + words.concat(data.fixed).join(", ") + ".";
      // Swapped once decoded, so that nothing flickers; a late frame never replaces a newer one.
      const index = wanted;
      const next = loaded[index] || (loaded[index] = new Image());
      if (!next.src) next.src = frames[index];
      const swap = () => {
        if (index !== wanted) return;
        image.src = frames[index];
        image.alt = data.alts[index % data.alts.length];
      };
      next.decode().then(swap, swap);
      if (data.speaks && !timer) {
        clearTimeout(saying);
        saying = setTimeout(() => { said.textContent = data.alts[index]; }, 500);
      }
    };
    rows.forEach((row) => row.input.addEventListener("input", () => { stop(); draw(); }));

    let stop = () => {};
    if (data.fps) {
      const bar = make(panel, "div", { class: "scrub-buttons" });
      const play = make(bar, "button", { type: "button", "data-lm-suppress-shortcuts": "true" }, "▶ Play");
      const back = make(bar, "button", { type: "button", "data-lm-suppress-shortcuts": "true" }, "◀ Back");
      const on = make(bar, "button", { type: "button", "data-lm-suppress-shortcuts": "true" }, "Next ▶");
      const last = frames.length - 1;
      const go = (index) => { place(Math.max(0, Math.min(last, index))); draw(); };
      stop = () => {
        clearInterval(timer);
        timer = null;
        play.textContent = "▶ Play";
      };
      play.addEventListener("click", () => {
        if (timer) return stop();
        if (wanted === last) go(0);
        play.textContent = "❚❚ Pause";
        timer = setInterval(() => {
          if (!root.isConnected || wanted >= last) return stop();
          go(wanted + 1);
        }, 1000 / data.fps);
      });
      back.addEventListener("click", () => go(wanted - 1));
      on.addEventListener("click", () => go(wanted + 1));
      // Who asked the system for less motion gets single steps in place of the play button.
      const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
      const dress = () => {
        stop();
        play.hidden = calm.matches;
        back.hidden = on.hidden = !calm.matches;
      };
      calm.addEventListener("change", dress);
      dress();
    }
    place(data.start);
    draw();
  };
  document.querySelectorAll('[data-scrubber="' + data.id + '"]').forEach(start);
})
