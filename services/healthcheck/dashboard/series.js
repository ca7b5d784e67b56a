// Graphs of what is no instance: the queue, and the route that the operator has chosen.

import { addPoint, expectPointsEvery, figures, graphsOf, range } from "./graphs.js";
import { fillChildren, fromTemplate, setAttribute, setText, slot } from "./parts.js";
import { drawGraph, readGraphs } from "./readout.js";
import { ask } from "./session.js";
import { known } from "./words.js";

// parent: where the graphs are; titles: [figure, title] of each.
export function makeSeries(parent, titles, nowMs) {
	let thing = { name: "", instance: "" };
	let latest = {};

	readGraphs(parent, (card) => ({ thing, figure: card.dataset.key }), nowMs);

	function show() {
		fillChildren(
			parent,
			titles,
			([figure]) => figure,
			fromTemplate("series-template"),
			(card, [figure, title]) => {
				setText(slot(card, "name"), title);
				setText(slot(card, "now"), known(latest[figure], figures[figure].format));
				setAttribute(slot(card, "graph"), "aria-label", `Time in the graph: ${title}`);
				drawGraph(card, figure, graphsOf([thing], figure, nowMs())[0]);
			},
		);
	}

	show();
	return {
		// Whose figures they are; path: where their history is, without the minutes.
		async load(whose, path) {
			const { minutes } = range();
			thing = whose;
			latest = {};
			try {
				const { interval_s, points } = (await ask(`${path}${path.includes("?") ? "&" : "?"}minutes=${minutes}`)).data;
				if (thing !== whose || range().minutes !== minutes) return; // another was chosen meanwhile
				expectPointsEvery(interval_s);
				for (const point of points) addPoint(thing, point);
				latest = points.at(-1) ?? {};
			} catch (error) {
				console.warn("history", path, error.message); // the graphs then start now
			}
			show();
		},
		add(point) {
			addPoint(thing, point);
			latest = point;
			show();
		},
	};
}
