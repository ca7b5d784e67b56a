// The operators' page.
//
// Flow: the stream and poll() receive -> received() stores and shows -> tick() updates the ages and notices when nothing comes any more.
// All ages are by the daemon's clock: the time that it sent last, plus the time that has passed here since then.

import { acknowledge, removeNotice, setNotice } from "./admin.js";
import { addPoint, expectPointsEvery, graphsOf, hasPoints, range, setRange } from "./graphs.js";
import { at, element, fillChildren, fromTemplate, setAttribute, setText, slot } from "./parts.js";
import { drawGraph, readGraphs } from "./readout.js";
import { loadRequests, loadRoute, startRequests } from "./requests.js";
import { makeSeries } from "./series.js";
import { ask, isAdmin } from "./session.js";
import { isListening, listen } from "./stream.js";
import {
	bytes,
	clock,
	duration,
	isKnown,
	known,
	milliseconds,
	NONE,
	number,
	percent,
	rate,
	shortDuration,
	statusOf,
	uptime,
} from "./words.js";

const POLL_MS = 2000; // how often to ask while there is no stream
const START_SLACK_MS = 1100; // an uptime is in whole seconds, so the same start may seem to be a second later than before
const QUIET_MS = 3000; // a stream that is silent for this long: poll too
const LOST_MS = 4000; // nothing received for this long: the monitor is unreachable
const EVENTS_SHOWN = 20;
const REQUESTS_EVERY_MS = 10_000;
const PROBLEMS_SHOWN = 8;

const QUEUE = { name: "queue", instance: "" };
const JOBS = [
	["depth", "In the queue"],
	["backlog", "Waiting in Postgres"],
	["per_s", "Finished"],
];

// The latest reply, and when it came: receivedMs by performance.now(), daemonMs by the daemon's clock.
const health = { data: null, receivedMs: 0, daemonMs: 0, via: "", isLost: false };
let figure = "response_ms";
let events = [];
let showsAllEvents = false;

function showStatus(node, status) {
	setAttribute(node, "data-status", status);
	setAttribute(node.querySelector(".shape use"), "href", `#shape-${status}`);
}

// ---- receiving ----

// The daemon's time now.
const nowMs = () => health.daemonMs + (performance.now() - health.receivedMs);

let askedMs = -Infinity;

async function poll() {
	if (performance.now() - askedMs < POLL_MS / 2) return;
	askedMs = performance.now();
	try {
		received(await ask("../api/healthcheck", POLL_MS), "poll");
	} catch {
		tick();
	}
}

function received({ data }, via) {
	const before = health.data;
	const wasLost = health.isLost || before?.detail !== data.detail; // or it begins, or a user has logged in or out meanwhile
	if (!data.updated_at) return receivedNothingYet();
	Object.assign(health, { data, via, receivedMs: performance.now(), daemonMs: Date.parse(data.updated_at), isLost: false });
	const isFull = data.detail === "full";
	const withoutHistory = isFull ? data.services.filter((s) => wasLost || !hasPoints(s)) : [];
	for (const instance of data.services) addPoint(instance, { ...instance, at: data.updated_at });
	show(data);
	tick();
	if (withoutHistory.length) loadHistory(new Set(withoutHistory.map((s) => s.name)));
	if (isFull && wasLost) Promise.all([showRequests(), loadJobs(), loadRoute()]);
	else if (isFull) jobs.add({ ...data.queue, at: data.updated_at });
	if (isFull && (wasLost || hasChanged(before, data))) {
		loadEvents();
		// Behind nginx the stream and this request may go to different monitors, and the other one may notice a round later.
		setTimeout(loadEvents, POLL_MS + 500);
	}
}

// A monitor that has just started has asked nothing yet and reports everything as down. Keep showing what was known before.
function receivedNothingYet() {
	Object.assign(health, { daemonMs: nowMs(), receivedMs: performance.now() });
}

// A status has changed, or an instance has restarted so fast that its status has not. Its uptime may have grown nevertheless, if it had restarted just
// before, as one does that crashes again and again.
function hasChanged(before, data) {
	const startsMs = startsOf(before);
	const hasRestarted = ([key, startMs]) => startMs > startsMs.get(key) + START_SLACK_MS;
	return statuses(before) !== statuses(data) || [...startsOf(data)].some(hasRestarted);
}

function startsOf(data) {
	const running = data.services.filter((s) => isKnown(s.uptime_s));
	return new Map(running.map((s) => [keyOf(s), Date.parse(data.updated_at) - 1000 * s.uptime_s]));
}

const statuses = (data) =>
	JSON.stringify([data.services.map((s) => [keyOf(s), s.status]), data.postgres?.status, data.redis?.status, data.nginx?.status]);

function tick() {
	const silenceMs = performance.now() - health.receivedMs;
	const patienceMs = isListening() ? QUIET_MS : POLL_MS;
	if (Math.min(silenceMs, performance.now() - askedMs) >= patienceMs) poll();
	health.isLost = silenceMs > LOST_MS;
	showSummary();
	if (!health.data || health.isLost) return;
	for (const card of document.querySelectorAll(".card[data-since]")) setText(slot(card, "word"), `down for ${since(card.dataset.since)}`);
	for (const cell of document.querySelectorAll("td[data-since]")) setText(cell, `${since(cell.dataset.since)} so far`);
}

const since = (text) => duration((nowMs() - Date.parse(text)) / 1000);

// ---- summary ----

function showSummary() {
	const { data, isLost } = health;
	at("main").setAttribute("aria-busy", String(!data && !isLost));
	document.body.classList.toggle("lost", isLost);
	const feed = isLost ? "lost" : data ? health.via : "starting";
	setAttribute(at("feed"), "data-feed", feed);
	setText(
		at("feed-text"),
		{ starting: "Connecting", stream: "Live", poll: "Polling", lost: "No connection" }[feed] + (data ? ` · ${clock(data.updated_at)}` : ""),
	);
	if (isLost) return showLost(data);
	if (!data) return;
	setText(at("headline"), data.summary);
	setText(at("announcement"), withoutAges(data.summary));
	document.title = `${data.summary} – Abacus`;
	showStatus(at("summary"), worst([...data.services, ...watched(data)]));
	showDetail(data);
}

function showLost(data) {
	setText(at("headline"), "Monitor unreachable");
	setText(at("announcement"), "Monitor unreachable");
	document.title = "Monitor unreachable – Abacus";
	showStatus(at("summary"), "unknown");
	const age = data
		? `Last answer ${duration((performance.now() - health.receivedMs) / 1000)} ago; everything below is from ${clock(data.updated_at)}.`
		: "It has not answered yet.";
	delete at("detail").dataset.key;
	setText(at("detail"), `${age} Trying again.`);
}

// Screen readers announce this text when it changes, so it must not change each second.
const withoutAges = (text) => text.replace(/ for \d+ (s|min|h|d)\b( \d+ (s|min|h)\b)?/g, "");

const watched = (data) => dependencies(data).filter((part) => part.status);
const worst = (things) =>
	["down", "degraded", "unknown", "up"].find((status) => things.some((thing) => statusOf(thing) === status)) ?? "unknown";

// Links to the cards of everything that is not up; when all is up, the names of what is watched.
function showDetail(data) {
	const parts = watched(data);
	const problems = [
		...data.services.map((s) => ({ ...s, title: titleOf(s), id: cardId(s) })),
		...parts.map((part) => ({ ...part, title: part.name, id: `card-${part.name}` })),
	].filter((thing) => statusOf(thing) !== "up");
	const key = JSON.stringify(problems.map((thing) => [thing.id, thing.status, thing.reason]));
	if (at("detail").dataset.key === key) return;
	at("detail").dataset.key = key;
	if (!problems.length)
		return setText(at("detail"), [...new Set(data.services.map((s) => s.name)), ...parts.map((part) => part.name)].join(" · "));
	const more = problems.length - PROBLEMS_SHOWN;
	at("detail").replaceChildren(
		...problems
			.slice(0, PROBLEMS_SHOWN)
			.map((thing) =>
				element("a", `${thing.title} ${statusOf(thing)}${thing.reason ? `: ${thing.reason}` : ""}`, { href: `#${thing.id}` }),
			),
		more > 0 ? `and ${more} more` : "",
	);
}

// ---- instances ----

const keyOf = (s) => `${s.name}/${s.instance ?? ""}/${s.address ?? ""}`;

function titleOf(s) {
	const name = s.instance || s.address || "";
	return name.includes(s.name) ? name : `${s.name} ${name}`.trim();
}

const cardId = (s) => `card-${keyOf(s).replace(/[^A-Za-z0-9]+/g, "-")}`;

function show(data) {
	document.body.classList.toggle("is-summary", data.detail === "summary");
	showNotice(data);
	at("jobs-section").hidden = !data.queue;
	const services = new Map();
	for (const instance of data.services) services.set(instance.name, [...(services.get(instance.name) ?? []), instance]);
	fillChildren(at("services"), [...services], ([name]) => name, fromTemplate("service-template"), showService);
	fillChildren(at("behind"), dependencies(data), (part) => part.name, fromTemplate("behind-template"), showDependency);
}

function showService(node, [name, instances]) {
	const up = instances.filter((s) => statusOf(s) === "up").length;
	node.classList.toggle("many", instances.length > 4);
	setText(slot(node, "name"), name);
	const versions = [...new Set(instances.map((s) => s.version).filter(Boolean))];
	setText(slot(node, "version"), versions.join(", "));
	setText(slot(node, "share"), `${up} of ${instances.length} up`);
	fillChildren(slot(node, "cards"), instances, keyOf, fromTemplate("card-template"), (card, s) =>
		showInstance(card, s, versions.length > 1),
	);
	showGraphs(node, instances);
}

function showCard(node, title, status, thing) {
	showStatus(node, status);
	setText(slot(node, "name"), title);
	const isDown = status === "down" && thing.down_since;
	if (isDown) setAttribute(node, "data-since", thing.down_since);
	else node.removeAttribute("data-since");
	setText(slot(node, "word"), isDown ? `down for ${since(thing.down_since)}` : status);
}

function showInstance(node, s, showsVersion) {
	setAttribute(node, "id", cardId(s));
	setAttribute(node, "tabindex", "-1"); // so that a link to it moves the keyboard focus there
	showCard(node, titleOf(s), statusOf(s), s);
	const where = (statusOf(s) !== "up" && s.reason) || [s.address, showsVersion && s.version].filter(Boolean).join(" · ") || NONE;
	setText(slot(node, "where"), where);
	setAttribute(slot(node, "where"), "title", where);
	setText(slot(node, "response"), known(s.response_ms, milliseconds));
	setText(slot(node, "cpu"), known(s.cpu_percent, percent));
	setText(slot(node, "memory"), known(s.memory_bytes, bytes));
	setText(slot(node, "uptime"), known(s.uptime_s, uptime));
	setAttribute(slot(node, "uptime"), "title", known(s.uptime_s, duration));
}

// ---- graphs ----

async function loadHistory(services) {
	const { minutes } = range();
	for (const name of services) {
		try {
			const answer = await ask(`../api/healthcheck/history?service=${encodeURIComponent(name)}&minutes=${minutes}`);
			if (range().minutes !== minutes) return; // another was chosen meanwhile, and is loaded
			expectPointsEvery(answer.data.interval_s);
			for (const { instance, points } of answer.data.instances) for (const point of points) addPoint({ name, instance }, point);
		} catch (error) {
			console.warn("history", name, error.message); // the graphs then start now
		}
	}
	if (health.data) show(health.data);
}

function showGraphs(node, instances) {
	graphsOf(instances, figure, health.daemonMs).forEach((drawing, i) => {
		drawGraph(slot(node, "cards").children[i], figure, drawing);
	});
}

const loadJobs = () => jobs.load(QUEUE, "../api/healthcheck/queue/history");

async function changeRange(minutes) {
	setRange(minutes);
	if (health.data?.detail !== "full") return;
	await Promise.all([loadHistory(new Set(health.data.services.map((s) => s.name))), loadJobs(), loadRoute()]);
}

// ---- notice ----

function showNotice(data) {
	const by = data.notice?.by ? ` (${data.notice.by})` : "";
	setText(at("notice-text"), data.notice ? `${data.notice.text}${by}` : "");
	at("notice").hidden = !data.notice;
	const mayChange = data.detail === "full" && isAdmin();
	at("actions").hidden = !mayChange;
	at("notice-remove").hidden = !data.notice;
	setText(at("notice-set"), data.notice ? "Change the notice" : "Set a notice");
	at("login-hint").hidden = data.detail === "full";
}

at("notice-set").addEventListener("click", () => setNotice(health.data?.notice?.text ?? ""));
at("notice-remove").addEventListener("click", async () => {
	setText(at("notice-problem"), "");
	try {
		await removeNotice();
	} catch (error) {
		setText(at("notice-problem"), error.message);
	}
});

// ---- dependencies ----

function dependencies(data) {
	const { queue, mail, postgres, redis, nginx } = data;
	const share = (part, whole) => (isKnown(part) && whole > 0 ? part / whole : null);
	const of = (part, whole, format) => known(part, format) + (whole > 0 ? ` of ${format(whole)}` : "");
	const parts = [
		{
			name: "Queue",
			status: queue && queueStatus(queue),
			bar: null,
			where: "jobs waiting for a worker",
			reason: queue?.dead > 0 && "jobs were given up",
			figures: [
				["Depth", known(queue?.depth, number)],
				["Oldest", known(queue?.oldest_s, shortDuration)],
				["Rate", known(queue?.per_s, rate)],
				["Dead", known(queue?.dead, number)],
			],
		},
		{
			name: "Postgres",
			...postgres,
			bar: share(postgres?.connections, postgres?.connections_max),
			where: postgres?.role,
			figures: [["Connections", of(postgres?.connections, postgres?.connections_max, number)]],
		},
		{
			name: "Redis",
			...redis,
			bar: share(redis?.memory_bytes, redis?.memory_max_bytes),
			where: redis?.role,
			figures: [
				["Memory", of(redis?.memory_bytes, redis?.memory_max_bytes, bytes)],
				["Clients", known(redis?.clients, number)],
				["Evicted", known(redis?.evicted, number)],
			],
		},
		{
			name: "nginx",
			...nginx,
			bar: null,
			where: "reverse proxy",
			figures: [
				["Connections", known(nginx?.active, number)],
				["Requests", known(nginx?.requests_per_s, rate)],
			],
		},
	];
	if (mail) parts.splice(1, 0, mailPart(mail));
	return parts.map((part) => (part.status ? part : { ...part, where: "not watched" }));
}

// It has no state of its own: mailer has. SMS are shown once one was tried.
function mailPart({ waiting, oldest_s, sent, failed, sms_sent, sms_failed }) {
	const sms = [
		["SMS sent", known(sms_sent, number)],
		["SMS failed", known(sms_failed, number)],
	];

	return {
		name: "Mail",
		status: "up",
		bar: null,
		where: "messages to users",
		figures: [
			["Waiting", known(waiting, number)],
			["Oldest", known(oldest_s, shortDuration)],
			["Sent", known(sent, number)],
			["Failed", known(failed, number)],
			...(sms_sent || sms_failed ? sms : []),
		],
	};
}

function queueStatus(queue) {
	if (!isKnown(queue.depth)) return "unknown";
	return queue.dead > 0 ? "degraded" : "up";
}

function showDependency(node, part) {
	setAttribute(node, "id", `card-${part.name}`);
	setAttribute(node, "tabindex", "-1");
	showCard(node, part.name, statusOf(part), part);
	const where = (statusOf(part) !== "up" && part.reason) || part.where || "";
	setText(slot(node, "where"), where);
	setAttribute(slot(node, "where"), "title", where);
	node.querySelector(".bar").classList.toggle("none", part.bar === null);
	slot(node, "bar").style.width = `${100 * Math.min(1, part.bar ?? 0)}%`;
	fillChildren(
		slot(node, "figures"),
		part.figures,
		([name]) => name,
		makeFigure,
		(row, [name, value]) => {
			setText(row.firstChild, name);
			setText(row.lastChild, value);
		},
	);
}

function makeFigure() {
	const row = element("div", "");
	row.append(element("dt", ""), element("dd", ""));
	return row;
}

// ---- requests ----

async function showRequests() {
	if (health.data?.detail !== "full" || health.isLost || document.hidden) return;
	try {
		await loadRequests();
	} catch (error) {
		console.warn("requests", error.message); // the table shows what it had
	}
}

// ---- events ----

async function loadEvents() {
	try {
		events = (await ask("../api/healthcheck/events")).data.events;
	} catch (error) {
		console.warn("events", error.message); // the next change of a status asks again
	}
	showEvents();
}

function showEvents() {
	const shown = showsAllEvents ? events : events.slice(0, EVENTS_SHOWN);
	at("more").hidden = shown.length === events.length;
	setText(at("more"), `Show all ${events.length}`);
	setText(at("events-count"), events.length > EVENTS_SHOWN ? `the latest ${events.length}` : "");
	if (events.length) fillChildren(at("events"), shown, (event) => `${event.id}`, makeEventRow, fillEventRow);
	at("footer").hidden = false;
}

function noteOf(event) {
	if (!event.acknowledged_at) return "";
	return `Acknowledged${event.acknowledged_by ? ` by ${event.acknowledged_by}` : ""}${event.note ? `: ${event.note}` : ""}`;
}

// The roles are explicit because rows are laid out as blocks on a phone, which removes the implicit roles of a table.
function makeEventRow() {
	const row = element("tr", "", { role: "row" });
	const [when, who, what, lasted, why] = Array.from({ length: 5 }, () => element("td", "", { role: "cell" }));
	when.append(element("time", ""));
	what.append(element("span", "", { class: "badge" }), "");
	why.className = "why";
	why.append("", element("p", ""), element("button", "", { type: "button", class: "more" }));
	row.append(when, who, what, lasted, why);
	return row;
}

function fillEventRow(row, event) {
	const [when, who, what, lasted, why] = row.children;
	const time = when.firstChild;
	const name = titleOf({ ...event, name: event.service });
	setAttribute(row, "data-status", statusOf(event));
	setText(time, clock(event.at));
	setAttribute(time, "datetime", event.at);
	setText(who, name);
	setText(what.firstChild, event.status);
	setText(what.lastChild, event.was ? ` was ${event.was}` : "");
	if (isKnown(event.lasted_s)) lasted.removeAttribute("data-since");
	else setAttribute(lasted, "data-since", event.at);
	setText(lasted, isKnown(event.lasted_s) ? shortDuration(event.lasted_s) : `${since(event.at)} so far`);
	fillWhy(why, event, name);
}

function fillWhy(cell, event, name) {
	const [reason, note, button] = cell.childNodes;
	const words = event.acknowledged_at ? "Change the note" : "Acknowledge";
	setText(reason, event.reason ?? "");
	setText(note, noteOf(event));
	note.hidden = !event.acknowledged_at;
	setText(button, words);
	setAttribute(button, "aria-label", `${words}: ${name} ${event.status}`);
	button.hidden = event.status === "up" || !isAdmin();
	button.onclick = () => acknowledge(event, loadEvents);
}

at("choice").addEventListener("change", (event) => {
	figure = event.target.value;
	if (health.data) show(health.data);
});
at("range").addEventListener("change", (event) => changeRange(Number(event.target.value)));
at("more").addEventListener("click", () => {
	showsAllEvents = true;
	showEvents();
	at("events-table").focus(); // the button is gone
});

readGraphs(
	at("services"),
	(card) => ({ thing: health.data?.services.find((s) => keyOf(s) === card.dataset.key), figure }),
	() => health.daemonMs,
);
const jobs = makeSeries(at("jobs"), JOBS, nowMs);
startRequests(nowMs);
listen((message) => received(message, "stream"), poll);
poll();
setInterval(tick, 500);
setInterval(showRequests, REQUESTS_EVERY_MS);
