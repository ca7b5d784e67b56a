// The routes of each service: how often each was asked in about the last minute, and over time the one that the operator has chosen.

import { at, element, fillChildren, setAttribute, setText } from "./parts.js";
import { makeSeries } from "./series.js";
import { ask } from "./session.js";
import { known, milliseconds, percent, rate } from "./words.js";

const SHOWN = 20;
const TITLES = [
	["per_s", "Rate"],
	["errors_per_s", "Errors"],
	["p50_ms", "Median"],
	["p99_ms", "99 % within"],
];

let series = null;
let nowMs = null;
let chosen = null; // {key, thing, path}

const keyOf = ({ service, method, route }) => `${service} ${method} ${route}`;

export function startRequests(clock) {
	nowMs = clock;
	series = makeSeries(at("route-graphs"), TITLES, nowMs);
	at("route-close").addEventListener("click", closeRoute);
}

// Throws if the daemon does not answer.
export async function loadRequests() {
	const { services } = (await ask("../api/healthcheck/requests")).data;
	const rows = services.flatMap(({ service, routes }) => routes.map((route) => ({ service, ...route })));
	rows.sort((one, other) => other.errors_per_s - one.errors_per_s || other.per_s - one.per_s);
	fillChildren(at("requests"), rows.slice(0, SHOWN), keyOf, makeRow, fillRow);
	at("no-requests").hidden = rows.length > 0;
	if (chosen) addNow(rows.find((row) => keyOf(row) === chosen.key) ?? { per_s: 0, errors_per_s: 0 });
}

// Again, because the range has changed or the monitor was away.
export const loadRoute = () => chosen && series.load(chosen.thing, chosen.path);

const addNow = (figures) => series.add({ ...figures, at: new Date(nowMs()).toISOString() });

function makeRow() {
	const row = element("tr", "", { role: "row" });
	const button = element("button", "", { type: "button", class: "route", "aria-controls": "route", "aria-expanded": "false" });
	for (const part of ["", button, "", element("span", ""), ""]) {
		const cell = element("td", "", { role: "cell" });
		cell.append(part);
		row.append(cell);
	}
	button.addEventListener("click", () => choose(row.dataset.key === chosen?.key ? null : row));
	return row;
}

function fillRow(row, item) {
	const [service, route, often, errors, times] = row.children;
	const fails = item.errors_per_s > 0;
	setAttribute(row, "data-status", fails ? "down" : "up");
	setAttribute(row, "data-route", JSON.stringify([item.service, item.method, item.route]));
	setText(service, item.service);
	setText(route.firstElementChild, `${item.method} ${item.route}`);
	setText(often, rate(item.per_s));
	setText(errors.firstElementChild, fails ? percent((100 * item.errors_per_s) / item.per_s) : "none");
	errors.firstElementChild.classList.toggle("badge", fails);
	setText(times, `${known(item.p50_ms, milliseconds)}, ${known(item.p99_ms, milliseconds)}`);
	showChoice(row);
}

const showChoice = (row) => setAttribute(row.querySelector(".route"), "aria-expanded", String(row.dataset.key === chosen?.key));

// The route's row may have left the table meanwhile.
function closeRoute() {
	const row = [...at("requests").children].find(({ dataset }) => dataset.key === chosen?.key);
	choose(null);
	(row?.querySelector(".route") ?? at("requests-table")).focus();
}

// null: none.
function choose(row) {
	chosen = null;
	if (row) {
		const [service, method, route] = JSON.parse(row.dataset.route);
		chosen = {
			key: row.dataset.key,
			thing: { name: service, instance: `${method} ${route}` },
			path: `../api/healthcheck/requests/history?${new URLSearchParams({ service, method, route })}`,
		};
		setText(at("route-name"), `${method} ${route} of ${service}`);
		loadRoute();
	}
	at("route").hidden = !chosen;
	if (chosen) at("route").scrollIntoView({ block: "nearest" });
	for (const each of at("requests").children) showChoice(each);
}
