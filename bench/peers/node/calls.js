// What each call does, for both Node.js frameworks: the same SQL, Redis commands and replies as the services.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createWriteStream, readFileSync } from "node:fs";
import Redis from "ioredis";
import pg from "pg";

const { PEER_SECRET, PEER_USERS_URL, PEER_VALUES_URL, PEER_REDIS_URL, PEER_STATEMENTS, PEER_ADD_LUA, PEER_LOG } = process.env;
const statements = JSON.parse(readFileSync(PEER_STATEMENTS, "utf8"));
const users = new pg.Pool({ connectionString: PEER_USERS_URL, max: 8 });
const values = new pg.Pool({ connectionString: PEER_VALUES_URL, max: 8 });
const redis = new Redis(PEER_REDIS_URL, { enableAutoPipelining: true });
redis.defineCommand("addJobs", { numberOfKeys: 6, lua: readFileSync(PEER_ADD_LUA, "utf8") });
const log = createWriteStream(PEER_LOG, { flags: "a" });
const JOBS_KEYS = ["jobs", "{jobs}:large", "{jobs}:window", "{jobs}:dead", "{jobs}:finished", "{jobs}:load"];
const STATES = ["pending", "pending", "done", "failed"];

export const port = Number(process.env.PEER_PORT);

const query = (pool, name, parameters) => pool.query({ name, text: statements[name], values: parameters });

// The user id in a valid token (HS256), or null.
export function userOf(authorization) {
	const [head, payload, signature] = (authorization ?? "").replace(/^Bearer /, "").split(".");
	if (!signature) return null;
	const wanted = createHmac("sha256", PEER_SECRET).update(`${head}.${payload}`).digest();
	const given = Buffer.from(signature, "base64url");
	if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
	const claims = JSON.parse(Buffer.from(payload, "base64url"));
	return claims.exp > Date.now() / 1000 ? Number(claims.sub) : null;
}

export const ping = () => ({ status: "success", message: "pong!" });

export async function user(id) {
	const [row] = (await query(users, "user_by_id", [id])).rows;
	if (!row) return null;
	const { username, email, active } = row;
	return { status: "success", data: { id: Number(row.id), username, email, active } };
}

export async function current(limit) {
	const { rows } = await query(values, "calculations_shown", ["fibonacci", -1, limit]);
	return Object.fromEntries(rows.map(({ index, preview }) => [index, preview ?? "Nothing yet!"]));
}

export async function submit(userId, index, requestId) {
	const [{ id, state }] = (await query(values, "values_insert", [[userId], ["fibonacci"], [index]])).rows;
	const isKnown = state && state !== "pending";
	const [number] = isKnown ? [] : await redis.addJobs(...JOBS_KEYS, 10000, 500000, "fibonacci", index, requestId, 0);
	return { working: true, id: String(id), kind: "fibonacci", index, state: isKnown ? state : STATES[number] };
}

let count = 0;
export const newRequestId = () => `peer-${process.pid}-${++count}`;

export function logRequest({ id, method, path, status, startMs, remoteIp }) {
	const duration = (performance.now() - startMs) / 1000;
	log.write(
		`{"ts":"${new Date().toISOString()}","request_id":"${id}","method":"${method}","path":"${path}","status":${status},"duration_s":${duration.toFixed(6)},"remote_ip":"${remoteIp}"}\n`,
	);
}
