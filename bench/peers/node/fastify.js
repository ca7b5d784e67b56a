// The measured calls on Fastify.
import fastify from "fastify";
import { current, logRequest, newRequestId, ping, port, submit, user, userOf } from "./calls.js";

const app = fastify({ genReqId: newRequestId });
app.addHook("onRequest", async (request) => {
	request.startMs = performance.now();
});
app.addHook("onResponse", async (request, reply) =>
	logRequest({
		id: request.id,
		method: request.method,
		path: request.url.split("?")[0],
		status: reply.statusCode,
		startMs: request.startMs,
		remoteIp: request.ip,
	}),
);

async function needsToken(request, reply) {
	request.userId = userOf(request.headers.authorization);
	if (request.userId === null) return reply.code(401).send({ status: "fail", code: "token_invalid" });
}

app.get("/users/ping", async () => ping());
app.get("/users/:id", { onRequest: needsToken }, async (request, reply) => {
	return (await user(request.params.id)) ?? reply.code(404).send({ status: "fail", code: "user_not_found" });
});
app.get("/values/current", async (request) => current(Number(request.query.limit)));
app.post("/values", { onRequest: needsToken }, async (request) => submit(request.userId, Number(request.body.index), request.id));
await app.listen({ port, host: "127.0.0.1" });
