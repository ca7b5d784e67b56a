// Draws graphs, and what a graph says at one place, by the mouse or the arrow keys.

import { figures, pointAt, range, stepOf } from "./graphs.js";
import { setAttribute, setText, slot } from "./parts.js";
import { clock, duration, isKnown } from "./words.js";

// drawing: what graphsOf() gave for this card.
export function drawGraph(card, figure, { line, area, outages, highest, outageS }) {
	const { name, format } = figures[figure];
	setAttribute(card.querySelector(".line"), "d", line);
	setAttribute(card.querySelector(".area"), "d", area);
	setAttribute(card.querySelector(".gone"), "d", outages);
	setText(slot(card, "most"), highest === null ? "" : `max ${format(highest)}`);
	const down = outageS ? `, down for about ${duration(outageS)} of it` : "";
	setAttribute(
		slot(card, "spark"),
		"aria-label",
		highest === null ? `${name}: no history yet` : `${name} over the last ${range().words}: at most ${format(highest)}${down}`,
	);
}

function textAt({ thing, figure }, nowMs, place) {
	const point = thing && pointAt(thing, figure, nowMs, place);
	if (!point) return "not known";
	return `${clock(point.at)} · ${isKnown(point.value) ? figures[figure].format(point.value) : "down"}`;
}

function showPlace(graph, place, text) {
	graph.dataset.place = place;
	setAttribute(graph.querySelector(".cursor"), "d", `M${(300 * place).toFixed(1)} 0v44`);
	const readout = slot(graph, "readout");
	setText(readout, text);
	setAttribute(graph, "aria-valuenow", String(Math.round(100 * place)));
	setAttribute(graph, "aria-valuetext", text);
	readout.style.left = place < 0.5 ? `${100 * place}%` : "auto";
	readout.style.right = place < 0.5 ? "auto" : `${100 * (1 - place)}%`;
}

function hidePlace(graph) {
	setAttribute(graph.querySelector(".cursor"), "d", "");
	setText(slot(graph, "readout"), "");
}

const graphOf = (event) => event.target.closest?.(".graph");
const placeOf = (graph) => Number(graph.dataset.place ?? 1);

// shownBy(card): {thing, figure}, what the graph of that card shows.
export function readGraphs(parent, shownBy, nowMs) {
	const show = (graph, place) => showPlace(graph, place, textAt(shownBy(graph.closest(".card")), nowMs(), place));

	parent.addEventListener("pointermove", (event) => {
		const graph = graphOf(event);
		if (!graph) return;
		const { left, width } = graph.getBoundingClientRect();
		show(graph, Math.min(1, Math.max(0, (event.clientX - left) / width)));
	});
	parent.addEventListener("pointerout", (event) => {
		const graph = graphOf(event);
		if (graph && !graph.contains(event.relatedTarget)) hidePlace(graph);
	});
	parent.addEventListener("focusout", (event) => graphOf(event) && hidePlace(graphOf(event)));
	parent.addEventListener("keydown", (event) => {
		const graph = graphOf(event);
		const by = { ArrowLeft: -stepOf(), ArrowRight: stepOf(), Home: -1, End: 1 }[event.key];
		if (!graph || !by) return;
		event.preventDefault();
		// The middle of a bin, so that each key names another one.
		const bin = Math.floor((placeOf(graph) + by) / stepOf());
		show(graph, Math.min(1 - stepOf() / 2, Math.max(0, bin * stepOf()) + stepOf() / 2));
	});
}
