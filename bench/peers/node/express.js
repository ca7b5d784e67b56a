// The measured calls on Express.
import express from "express";
import { current, logRequest, newRequestId, ping, port, submit, user, userOf } from "./calls.js";

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use((request, response, next) => {
	const startMs = performance.now();
	request.id = newRequestId();
	response.on("finish", () =>
		logRequest({
			id: request.id,
			method: request.method,
			path: request.path,
			status: response.statusCode,
			startMs,
			remoteIp: request.socket.remoteAddress,
		}),
	);
	next();
});

function needsToken(request, response, next) {
	request.userId = userOf(request.headers.authorization);
	if (request.userId === null) return response.status(401).json({ status: "fail", code: "token_invalid" });
	next();
}

app.get("/users/ping", (_request, response) => response.json(ping()));
app.get("/users/:id", needsToken, async (request, response) => {
	const reply = await user(request.params.id);
	response.status(reply ? 200 : 404).json(reply ?? { status: "fail", code: "user_not_found" });
});
app.get("/values/current", async (request, response) => response.json(await current(Number(request.query.limit))));
app.post("/values", needsToken, express.json(), async (request, response) => {
	response.json(await submit(request.userId, Number(request.body.index), request.id));
});
app.listen(port, "127.0.0.1");
