// The operators' page. Whatever the daemon says goes into the page as text, never as markup.
//
// Flow: listen() and poll() hear -> heard() keeps and shows -> tick() lets the ages go on and notices that nobody speaks any more.
// All ages are told by the daemon's clock: what it said last, and how long ago that was heard here.

import { add_point, expect_points_every, figures, graphs_of, has_points, MINUTES } from "./graphs.js";
import { bytes, clock, duration, is_known, known, milliseconds, NONE, number, percent, rate, short_duration, status_of, uptime } from "./words.js";

const POLL_MS = 2000; // how often to ask while there is no stream
const QUIET_MS = 3000; // a stream this quiet is helped out by asking
const LOST_MS = 4000; // nothing heard for this long: the monitor is unreachable
const EVENTS_SHOWN = 20;
const TROUBLED_SHOWN = 8;

const at = (id) => document.getElementById(id);
// heard_ms: when it spoke last, on this page's clock, which begins with the page.
const health = { data: null, heard_ms: 0, clock_ms: 0, by: "", is_lost: false };
let figure = "response_ms";
let events = [];
let shows_all_events = false;

// ---- the page's parts; only what differs is touched, so that selections and screen readers are left in peace ----

function say(node, text) {
	if (node.textContent !== text) node.textContent = text;
}

function mark(node, name, value) {
	if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function show_status(node, status) {
	mark(node, "data-status", status);
	mark(node.querySelector(".shape use"), "href", `#shape-${status}`);
}

const slot = (node, name) => node.querySelector(`[data-slot="${name}"]`);

// The parent's children become one for each item, in order; one that stands already stays the same node.
function children_for(parent, items, key_of, make, fill) {
	const standing = new Map([...parent.children].map((node) => [node.dataset.key, node]));
	items.forEach((item, i) => {
		const key = key_of(item);
		const node = standing.get(key) ?? make();
		standing.delete(key);
		mark(node, "data-key", key);
		if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
		fill(node, item);
	});
	for (const node of standing.values()) node.remove();
}

const from_template = (id) => () => at(id).content.firstElementChild.cloneNode(true);

function element(name, text, attributes = {}) {
	const node = document.createElement(name);
	node.textContent = text;
	for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
	return node;
}

// ---- hearing ----

// The daemon's time now.
const now_ms = () => health.clock_ms + (performance.now() - health.heard_ms);

async function ask(path) {
	const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(POLL_MS) });
	if (!response.ok) throw new Error(`${path}: ${response.status}`);
	return response.json();
}

let stream = null;

function listen() {
	stream = new EventSource("stream");
	stream.addEventListener("health", (event) => heard(JSON.parse(event.data), "stream"));
	stream.addEventListener("error", () => {
		poll();
		// The browser tries again by itself, except after an answer that is no stream (nginx's 502).
		if (stream.readyState === EventSource.CLOSED) setTimeout(listen, POLL_MS);
	});
}

let asked_ms = -Infinity;

async function poll() {
	if (performance.now() - asked_ms < POLL_MS / 2) return;
	asked_ms = performance.now();
	try {
		heard(await ask("../api/healthcheck"), "poll");
	} catch {
		tick();
	}
}

function heard({ data }, by) {
	const before = health.data;
	const was_lost = health.is_lost || !before;
	if (!data.updated_at) return heard_nothing_yet();
	Object.assign(health, { data, by, heard_ms: performance.now(), clock_ms: Date.parse(data.updated_at), is_lost: false });
	const untold = data.services.filter((s) => was_lost || !has_points(s));
	for (const instance of data.services) add_point(instance, { ...instance, at: data.updated_at });
	show(data);
	tick();
	if (untold.length) load_history(new Set(untold.map((s) => s.name)));
	if (was_lost || is_news(before, data)) {
		load_events();
		// Behind nginx another monitor may answer than the one that is heard, and notice a round later.
		setTimeout(load_events, POLL_MS + 500);
	}
}

// A monitor that has just begun has asked nobody, and calls everything down. What was known until now is better.
function heard_nothing_yet() {
	Object.assign(health, { clock_ms: now_ms(), heard_ms: performance.now() });
}

// Somebody's status is another, or somebody came back so fast that it is not.
function is_news(before, data) {
	const uptimes = new Map(before.services.map((s) => [key_of(s), s.uptime_s]));
	return statuses(before) !== statuses(data) || data.services.some((s) => is_known(s.uptime_s) && uptimes.get(key_of(s)) > s.uptime_s);
}

const statuses = (data) => JSON.stringify([data.services.map((s) => [key_of(s), s.status]), data.postgres?.status, data.redis?.status, data.nginx?.status]);

function tick() {
	const silence_ms = performance.now() - health.heard_ms;
	const patience_ms = stream?.readyState === EventSource.OPEN ? QUIET_MS : POLL_MS;
	if (Math.min(silence_ms, performance.now() - asked_ms) >= patience_ms) poll();
	health.is_lost = silence_ms > LOST_MS;
	show_summary();
	if (!health.data || health.is_lost) return;
	for (const card of document.querySelectorAll(".card[data-since]")) say(slot(card, "word"), `down for ${since(card.dataset.since)}`);
	for (const cell of document.querySelectorAll("td[data-since]")) say(cell, `${since(cell.dataset.since)} so far`);
}

const since = (text) => duration((now_ms() - Date.parse(text)) / 1000);

// ---- summary ----

function show_summary() {
	const { data, is_lost } = health;
	at("main").setAttribute("aria-busy", String(!data && !is_lost));
	document.body.classList.toggle("lost", is_lost);
	const feed = is_lost ? "lost" : data ? health.by : "starting";
	mark(at("feed"), "data-feed", feed);
	say(at("feed-text"), { starting: "Connecting", stream: "Live", poll: "Polling", lost: "No connection" }[feed] + (data ? ` · ${clock(data.updated_at)}` : ""));
	if (is_lost) return show_lost(data);
	if (!data) return;
	say(at("headline"), data.summary);
	say(at("announcement"), without_ages(data.summary));
	document.title = `${data.summary} – Abacus`;
	show_status(at("summary"), worst([...data.services, ...watched(data)]));
	show_detail(data);
}

function show_lost(data) {
	say(at("headline"), "Monitor unreachable");
	say(at("announcement"), "Monitor unreachable");
	document.title = "Monitor unreachable – Abacus";
	show_status(at("summary"), "unknown");
	const age = data ? `Last heard ${duration((performance.now() - health.heard_ms) / 1000)} ago; everything below is from ${clock(data.updated_at)}.` : "It has not answered yet.";
	delete at("detail").dataset.key;
	say(at("detail"), `${age} Trying again.`);
}

// What is announced changes when something happened, not each second.
const without_ages = (text) => text.replace(/ for \d+ (s|min|h|d)\b( \d+ (s|min|h)\b)?/g, "");

const watched = (data) => behind(data).filter((part) => part.status);
const worst = (things) => ["down", "degraded", "unknown", "up"].find((status) => things.some((thing) => status_of(thing) === status)) ?? "unknown";

// What is not up, each a link to its card; or what is watched at all.
function show_detail(data) {
	const parts = watched(data);
	const troubled = [...data.services.map((s) => ({ ...s, title: title_of(s), id: card_id(s) })), ...parts.map((part) => ({ ...part, title: part.name, id: `card-${part.name}` }))].filter((thing) => status_of(thing) !== "up");
	const key = JSON.stringify(troubled.map((thing) => [thing.id, thing.status, thing.reason]));
	if (at("detail").dataset.key === key) return;
	at("detail").dataset.key = key;
	if (!troubled.length) return say(at("detail"), [...new Set(data.services.map((s) => s.name)), ...parts.map((part) => part.name)].join(" · "));
	const more = troubled.length - TROUBLED_SHOWN;
	at("detail").replaceChildren(
		...troubled.slice(0, TROUBLED_SHOWN).map((thing) => element("a", `${thing.title} ${status_of(thing)}${thing.reason ? `: ${thing.reason}` : ""}`, { href: `#${thing.id}` })),
		more > 0 ? `and ${more} more` : "",
	);
}

// ---- instances ----

const key_of = (s) => `${s.name}/${s.instance ?? ""}/${s.address ?? ""}`;

function title_of(s) {
	const name = s.instance || s.address || "";
	return name.includes(s.name) ? name : `${s.name} ${name}`.trim();
}

const card_id = (s) => `card-${key_of(s).replace(/[^A-Za-z0-9]+/g, "-")}`;

function show(data) {
	const services = new Map();
	for (const instance of data.services) services.set(instance.name, [...(services.get(instance.name) ?? []), instance]);
	children_for(at("services"), [...services], ([name]) => name, from_template("service-template"), show_service);
	children_for(at("behind"), behind(data), (part) => part.name, from_template("behind-template"), show_behind);
}

function show_service(node, [name, instances]) {
	const up = instances.filter((s) => status_of(s) === "up").length;
	node.classList.toggle("many", instances.length > 4);
	say(slot(node, "name"), name);
	const versions = [...new Set(instances.map((s) => s.version).filter(Boolean))];
	say(slot(node, "version"), versions.join(", "));
	say(slot(node, "share"), `${up} of ${instances.length} up`);
	children_for(slot(node, "cards"), instances, key_of, from_template("card-template"), (card, s) => show_instance(card, s, versions.length > 1));
	show_graphs(node, instances);
}

function show_card(node, title, status, thing) {
	show_status(node, status);
	say(slot(node, "name"), title);
	const is_down = status === "down" && thing.down_since;
	if (is_down) mark(node, "data-since", thing.down_since);
	else node.removeAttribute("data-since");
	say(slot(node, "word"), is_down ? `down for ${since(thing.down_since)}` : status);
}

function show_instance(node, s, tells_version) {
	mark(node, "id", card_id(s));
	mark(node, "tabindex", "-1"); // so that a link to it takes the keyboard along
	show_card(node, title_of(s), status_of(s), s);
	const where = (status_of(s) !== "up" && s.reason) || [s.address, tells_version && s.version].filter(Boolean).join(" · ") || NONE;
	say(slot(node, "where"), where);
	mark(slot(node, "where"), "title", where);
	say(slot(node, "response"), known(s.response_ms, milliseconds));
	say(slot(node, "cpu"), known(s.cpu_percent, percent));
	say(slot(node, "memory"), known(s.memory_bytes, bytes));
	say(slot(node, "uptime"), known(s.uptime_s, uptime));
	mark(slot(node, "uptime"), "title", known(s.uptime_s, duration));
}

// ---- graphs ----

async function load_history(services) {
	for (const name of services) {
		try {
			const answer = await ask(`../api/healthcheck/history?service=${encodeURIComponent(name)}&minutes=${MINUTES}`);
			expect_points_every(answer.data.interval_s);
			for (const { instance, points } of answer.data.instances) for (const point of points) add_point({ name, instance }, point);
		} catch (error) {
			console.warn("history", name, error.message); // the graphs then begin now
		}
	}
	if (health.data) show(health.data);
}

function show_graphs(node, instances) {
	const { name, say: words } = figures[figure];
	graphs_of(instances, figure, health.clock_ms).forEach(({ line, area, gone, highest, gone_s }, i) => {
		const card = slot(node, "cards").children[i];
		mark(card.querySelector(".line"), "d", line);
		mark(card.querySelector(".area"), "d", area);
		mark(card.querySelector(".gone"), "d", gone);
		say(slot(card, "most"), highest === null ? "" : `max ${words(highest)}`);
		const down = gone_s ? `, down for about ${duration(gone_s)} of it` : "";
		mark(slot(card, "spark"), "aria-label", highest === null ? `${name}: no history yet` : `${name} over the last ${MINUTES} minutes: at most ${words(highest)}${down}`);
	});
}

// ---- what stands behind them ----

function behind(data) {
	const { queue, postgres, redis, nginx } = data;
	const share = (part, whole) => (is_known(part) && whole > 0 ? part / whole : null);
	const of = (part, whole, words) => known(part, words) + (whole > 0 ? ` of ${words(whole)}` : "");
	const parts = [
		{
			name: "Queue", status: queue && queue_status(queue), bar: null, where: "jobs waiting for a worker", reason: queue?.dead > 0 && "jobs were given up",
			figures: [["Depth", known(queue?.depth, number)], ["Oldest", known(queue?.oldest_s, short_duration)], ["Rate", known(queue?.per_s, rate)], ["Dead", known(queue?.dead, number)]],
		},
		{
			name: "Postgres", ...postgres, bar: share(postgres?.connections, postgres?.connections_max), where: postgres?.role,
			figures: [["Connections", of(postgres?.connections, postgres?.connections_max, number)]],
		},
		{
			name: "Redis", ...redis, bar: share(redis?.memory_bytes, redis?.memory_max_bytes), where: redis?.role,
			figures: [["Memory", of(redis?.memory_bytes, redis?.memory_max_bytes, bytes)], ["Clients", known(redis?.clients, number)], ["Evicted", known(redis?.evicted, number)]],
		},
		{ name: "nginx", ...nginx, bar: null, where: "reverse proxy", figures: [["Connections", known(nginx?.active, number)], ["Requests", known(nginx?.requests_per_s, rate)]] },
	];
	return parts.map((part) => (part.status ? part : { ...part, where: "not watched" }));
}

function queue_status(queue) {
	if (!is_known(queue.depth)) return "unknown";
	return queue.dead > 0 ? "degraded" : "up";
}

function show_behind(node, part) {
	mark(node, "id", `card-${part.name}`);
	mark(node, "tabindex", "-1");
	show_card(node, part.name, status_of(part), part);
	const where = (status_of(part) !== "up" && part.reason) || part.where || "";
	say(slot(node, "where"), where);
	mark(slot(node, "where"), "title", where);
	node.querySelector(".bar").classList.toggle("none", part.bar === null);
	slot(node, "bar").style.width = `${100 * Math.min(1, part.bar ?? 0)}%`;
	children_for(slot(node, "figures"), part.figures, ([name]) => name, make_figure, (row, [name, value]) => {
		say(row.firstChild, name);
		say(row.lastChild, value);
	});
}

function make_figure() {
	const row = element("div", "");
	row.append(element("dt", ""), element("dd", ""));
	return row;
}

// ---- events ----

async function load_events() {
	try {
		events = (await ask("../api/healthcheck/events")).data.events;
	} catch (error) {
		console.warn("events", error.message); // the next change of a status asks again
	}
	show_events();
}

function show_events() {
	const shown = shows_all_events ? events : events.slice(0, EVENTS_SHOWN);
	at("more").hidden = shown.length === events.length;
	say(at("more"), `Show all ${events.length}`);
	say(at("events-count"), events.length > EVENTS_SHOWN ? `${events.length} remembered` : "");
	if (events.length) at("events").replaceChildren(...shown.map(event_row));
}

// Roles are told, for on a phone the rows are laid out as paragraphs, which takes a table's own roles away.
function event_row(event) {
	const row = element("tr", "", { role: "row", "data-status": status_of(event) });
	const when = element("td", "");
	when.append(element("time", clock(event.at), { datetime: event.at }));
	const what = element("td", "");
	what.append(element("span", event.status, { class: "badge" }), event.was ? ` was ${event.was}` : "");
	const lasted = is_known(event.lasted_s) ? element("td", short_duration(event.lasted_s)) : element("td", `${since(event.at)} so far`, { "data-since": event.at });
	const cells = [when, element("td", title_of({ ...event, name: event.service })), what, lasted, element("td", event.reason ?? "", { class: "why" })];
	for (const cell of cells) cell.setAttribute("role", "cell");
	row.append(...cells);
	return row;
}

at("choice").addEventListener("change", (event) => {
	figure = event.target.value;
	if (health.data) show(health.data);
});
at("more").addEventListener("click", () => {
	shows_all_events = true;
	show_events();
	at("events-table").focus(); // the button is gone
});

listen();
poll();
setInterval(tick, 500);
