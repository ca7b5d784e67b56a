// The operators' page. Whatever the daemon says goes into the page as text, never as markup.
//
// Flow: listen() and poll() hear -> heard() keeps and shows -> tick() lets the ages go on and notices that nobody speaks any more.
// All ages are told by the daemon's clock: what it said last, and how long ago that was heard here.

const POLL_MS = 2000; // how often to ask while there is no stream
const QUIET_MS = 3000; // a stream this quiet is helped out by asking
const LOST_MS = 4000; // nothing heard for this long: the monitor is unreachable
const MINUTES = 15;
const BIN_S = 10; // a graph has a point for each
const BINS = (MINUTES * 60) / BIN_S;
const EVENTS_SHOWN = 20;
const TROUBLED_SHOWN = 8;

const at = (id) => document.getElementById(id);
const health = { data: null, heard_ms: -Infinity, clock_ms: 0, by: "", is_lost: false };
const history = new Map(); // of an instance: bins by number
let bridged_bins = 1; // a line goes on over so many bins without a point: the points are not always as close as the bins
let figure = "response_ms";
let events = [];
let shows_all_events = false;

// ---- words ----

const NONE = "–";
const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
const is_known = (value) => typeof value === "number" && Number.isFinite(value);
const known = (value, say) => (is_known(value) ? say(value) : NONE);

function bytes(value) {
	const units = ["B", "KB", "MB", "GB", "TB"];
	let unit = 0;
	for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
	return `${number(value, unit && value < 100 ? 1 : 0)} ${units[unit]}`;
}

function duration(s) {
	s = Math.max(0, Math.floor(s));
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// One unit: an uptime is read at a glance, and has little room.
function uptime(s) {
	if (s < 60) return `${Math.floor(s)} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	return s < 86400 ? `${number(s / 3600, 1)} h` : `${number(s / 86400, 1)} d`;
}

const percent = (value) => `${number(value, value < 10 ? 1 : 0)} %`;
const milliseconds = (value) => (value < 1000 ? `${number(value, value < 10 ? 1 : 0)} ms` : `${number(value / 1000, 1)} s`);
const rate = (value) => `${number(value, value < 10 ? 1 : 0)}/s`;
const figures = {
	response_ms: { name: "Response time", say: milliseconds, least_scale: 2 },
	cpu_percent: { name: "CPU", say: percent, least_scale: 5 },
	memory_bytes: { name: "Memory", say: bytes, least_scale: 1 << 20 },
};

function clock(text) {
	const time = new Date(text);
	const day = time.toDateString() === new Date().toDateString() ? {} : { day: "2-digit", month: "short" };
	return time.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

const status_of = (thing) => (["up", "degraded", "down"].includes(thing?.status) ? thing.status : "unknown");

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

function heard(message, by) {
	const before = health.data;
	const was_lost = health.is_lost || !before;
	const data = message.data;
	Object.assign(health, { data, by, heard_ms: performance.now(), clock_ms: Date.parse(data.updated_at) || Date.now(), is_lost: false });
	const untold = data.services.filter((s) => was_lost || !history.has(history_key(s.name, s.instance)));
	for (const instance of data.services) keep_point(instance, data.updated_at);
	show(data);
	tick();
	if (untold.length) load_history(new Set(untold.map((s) => s.name)));
	if (was_lost || statuses(before) !== statuses(data)) {
		load_events();
		// Behind nginx another monitor may answer than the one that is heard, and notice a round later.
		setTimeout(load_events, POLL_MS + 500);
	}
}

const statuses = (data) => JSON.stringify([data.services.map((s) => [key_of(s), s.status]), data.postgres?.status, data.redis?.status, data.nginx?.status]);

function tick() {
	const silence_ms = performance.now() - health.heard_ms;
	const patience_ms = stream?.readyState === EventSource.OPEN ? QUIET_MS : POLL_MS;
	if (Math.min(silence_ms, performance.now() - asked_ms) >= patience_ms) poll();
	// At the very start there is no last word to count from: the page's own age counts.
	health.is_lost = (health.data ? silence_ms : performance.now()) > LOST_MS;
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
	show_status(at("summary"), worst(everything(data)));
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

const everything = (data) => [...data.services, data.postgres, data.redis, data.nginx].filter(Boolean);
const worst = (things) => ["down", "degraded", "unknown", "up"].find((status) => things.some((thing) => status_of(thing) === status)) ?? "unknown";

// What is not up, each a link to its card; or what is watched at all.
function show_detail(data) {
	const parts = behind(data).filter((part) => part.status);
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

const bin_of = (time) => Math.floor(Date.parse(time) / 1000 / BIN_S);

// A bin keeps the worst that fell into it.
function add_point(key, point) {
	const bins = history.get(key) ?? history.set(key, new Map()).get(key);
	const bin = bins.get(bin_of(point.at)) ?? { is_down: false };
	for (const name of Object.keys(figures)) if (is_known(point[name])) bin[name] = Math.max(bin[name] ?? 0, point[name]);
	bin.is_down ||= point.status === "down";
	bins.set(bin_of(point.at), bin);
}

function keep_point(instance, time) {
	const key = history_key(instance.name, instance.instance);
	add_point(key, { ...instance, at: time });
	for (const bin of history.get(key).keys()) if (bin < bin_of(time) - BINS) history.get(key).delete(bin);
}

const history_key = (service, instance) => `${service}/${instance ?? ""}`;

async function load_history(services) {
	for (const name of services) {
		try {
			const answer = await ask(`../api/healthcheck/history?service=${encodeURIComponent(name)}&minutes=${MINUTES}`);
			bridged_bins = Math.max(bridged_bins, Math.ceil(answer.data.interval_s / BIN_S));
			for (const { instance, points } of answer.data.instances) for (const point of points) add_point(history_key(name, instance), point);
		} catch (error) {
			console.warn("history", name, error.message); // the graphs then begin now
		}
	}
	if (health.data) show(health.data);
}

// All instances of a service share a scale, so that they compare at a glance.
function show_graphs(node, instances) {
	const { name, say: words, least_scale } = figures[figure];
	const last = Math.floor(health.clock_ms / 1000 / BIN_S);
	const all = instances.map((s) => history.get(history_key(s.name, s.instance)) ?? new Map());
	const most = Math.max(0, ...all.flatMap((bins) => [...bins.values()].map((bin) => bin[figure] ?? 0)));
	const scale = Math.max(least_scale, most * 1.1);
	instances.forEach((s, i) => {
		const card = slot(node, "cards").children[i];
		const { line, area, gone, highest, gone_s } = graph(all[i], last, scale);
		mark(card.querySelector(".line"), "d", line);
		mark(card.querySelector(".area"), "d", area);
		mark(card.querySelector(".gone"), "d", gone);
		say(slot(card, "most"), highest === null ? "" : `max ${words(highest)}`);
		const down = gone_s ? `, down for about ${duration(gone_s)} of it` : "";
		mark(slot(card, "spark"), "aria-label", highest === null ? `${name}: no history yet` : `${name} over the last ${MINUTES} minutes: at most ${words(highest)}${down}`);
	});
}

// Paths in a box of 300 by 44. Where nothing is known the line has a gap; where the instance was down a block stands.
function graph(bins, last, scale) {
	const width = 300 / BINS;
	const x_of = (i) => ((i + 0.5) * width).toFixed(1);
	const drawn = { line: "", area: "", gone: "", highest: null, gone_s: 0 };
	let latest = null; // the bin that the line has come to
	const lift = () => {
		if (latest !== null) drawn.area += `L${x_of(latest)} 44z`;
		latest = null;
	};
	for (let i = 0; i < BINS; i++) {
		const bin = bins.get(last - BINS + 1 + i);
		const value = bin?.[figure];
		if (bin?.is_down) {
			drawn.gone += `M${(i * width).toFixed(1)} 0h${width.toFixed(1)}v44h-${width.toFixed(1)}z`;
			drawn.gone_s += BIN_S;
			lift();
		} else if (is_known(value)) {
			drawn.highest = Math.max(drawn.highest ?? 0, value);
			// The bin that is being filled has not seen its worst yet; the line would droop at its end.
			if (i === BINS - 1 && latest !== null) break;
			const point = `${x_of(i)} ${(43 - (value / scale) * 40).toFixed(1)}`;
			if (latest === null || i - latest > bridged_bins) {
				lift();
				drawn.area += `M${x_of(i)} 44`;
				drawn.line += `M${point}h.1`;
			}
			drawn.area += `L${point}`;
			drawn.line += `L${point}`;
			latest = i;
		}
	}
	lift();
	return drawn;
}

// ---- what stands behind them ----

function behind(data) {
	const { queue, postgres, redis, nginx } = data;
	const share = (part, whole) => (is_known(part) && whole > 0 ? part / whole : null);
	const of = (part, whole, words) => known(part, words) + (whole > 0 ? ` of ${words(whole)}` : "");
	const parts = [
		{
			name: "Queue", status: queue && queue_status(queue), bar: null, where: queue?.dead > 0 ? "some jobs were given up" : "jobs waiting for a worker",
			figures: [["Depth", known(queue?.depth, number)], ["Oldest", known(queue?.oldest_s, (s) => (s < 10 ? `${number(s, 1)} s` : duration(s)))], ["Rate", known(queue?.per_s, rate)], ["Dead", known(queue?.dead, number)]],
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
	const lasted = is_known(event.lasted_s) ? element("td", duration(event.lasted_s)) : element("td", `${since(event.at)} so far`, { "data-since": event.at });
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
});

listen();
poll();
setInterval(tick, 500);
