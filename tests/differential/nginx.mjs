// What nginx makes of a stream: a real one in a folder of its own, before an upstream that sends back what it got.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";

const START_MS_MAX = 5000;
// What nginx sets itself, or keeps to itself.
const HOP_BY_HOP = new Set(["connection", "content-length", "transfer-encoding", "te", "expect", "upgrade", "keep-alive"]);

const configuration = `
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	underscores_in_headers on;
	ignore_invalid_headers off; # else they are left out
	large_client_header_buffers 4 32k;
	client_max_body_size 128k; # as ours
	proxy_buffer_size 256k; proxy_buffers 4 256k; proxy_busy_buffers_size 512k;
	server {
		listen unix:nginx.sock;
		location / {
			proxy_pass http://unix:upstream.sock;
			proxy_http_version 1.1;
			proxy_ignore_client_abort on; # streams end in a half-closed connection
			proxy_set_header Host $http_host;
		}
	}
}`;

// nginx sends a length with every body.
function answer(socket) {
	let got = "";
	socket
		.setEncoding("latin1")
		.on("error", () => {})
		.on("data", (part) => {
			got += part;
			const end = got.indexOf("\r\n\r\n") + 4;
			const length = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(got.slice(0, end))?.[1] ?? 0);
			if (end >= 4 && got.length >= end + length) {
				socket.end(
					`HTTP/1.1 200 OK\r\nX-Seen: ${Buffer.from(got, "latin1").toString("base64")}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
				);
			}
		});
}

export async function startNginx() {
	const folder = mkdtempSync(path.join(tmpdir(), "abacus-differential-"));
	const upstream = net.createServer(answer).listen(path.join(folder, "upstream.sock"));
	writeFileSync(path.join(folder, "nginx.conf"), configuration.replace(/unix:(\w+\.sock)/g, `unix:${folder}/$1`));
	const child = spawn("nginx", ["-p", folder, "-c", path.join(folder, "nginx.conf"), "-e", path.join(folder, "error.log")], {
		stdio: "inherit",
		env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
	});
	const gone = new Promise((resolve) => child.on("exit", resolve).on("error", resolve));
	for (const started = Date.now(); !existsSync(path.join(folder, "nginx.sock")); await setTimeout(10)) {
		if (child.exitCode !== null || Date.now() - started > START_MS_MAX) {
			throw new Error(`nginx did not start: ${readFileSync(path.join(folder, "error.log"))}`);
		}
	}
	return {
		path: path.join(folder, "nginx.sock"),
		async stop() {
			child.kill("SIGTERM");
			await gone;
			upstream.close();
			rmSync(folder, { recursive: true });
		},
	};
}

function exchange(socketPath, { bytes, step }) {
	return new Promise((resolve) => {
		let got = "";
		const socket = net.connect({ path: socketPath, allowHalfOpen: true });
		socket
			.setEncoding("latin1")
			.on("data", (part) => (got += part))
			.on("error", () => resolve(got))
			.on("end", () => resolve(got))
			.on("close", () => resolve(got));
		if (step > bytes.length / 4) {
			socket.write(bytes.subarray(0, step));
			bytes = bytes.subarray(step);
		}
		socket.end(bytes);
	});
}

// "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody" and "GET / 1.1\nHost: a\n\nbody" as what of them can be compared.
export function comparable(text) {
	const [, head, , body] = /^(.*?)(\r?\n\r?\n)(.*)$/s.exec(text);
	const [line, ...fields] = head.split(/\r?\n/);
	const [method, target] = line.split(" ");
	return JSON.stringify({
		method,
		target: target.replace(/^https?:\/\/[^/?]*/i, "").replace(/^(?!\/)/, "/"),
		fields: fields
			.map((field) => [
				field.slice(0, field.indexOf(":")).toLowerCase(),
				field.slice(field.indexOf(":") + 1).replace(/^[ \t]+|[ \t]+$/g, ""),
			])
			.filter(([name, value]) => !HOP_BY_HOP.has(name) && !(name === "host" && value === ""))
			.sort(),
		body,
	});
}

// {messages: [{status, text}]}, text being the request that nginx sent on; it is missing from the last one if that was refused.
export async function readByNginx(nginx, stream) {
	const got = await exchange(nginx.path, stream);
	const messages = [...got.matchAll(/HTTP\/1\.1 (\d{3}) .*?\r\n\r\n/gs)]
		.map(([head, status]) => ({ status: Number(status), seen: /\r\nX-Seen: (.*?)\r\n/.exec(head)?.[1] }))
		.filter(({ status }) => status >= 200)
		.map(({ status, seen }) => ({ status, text: seen && Buffer.from(seen, "base64").latin1Slice() }));
	return { messages };
}
