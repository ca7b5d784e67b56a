import { useQuery } from "@tanstack/react-query";
import { messageOf } from "../api/failure";
import type { Health, HealthStatus } from "../api/generated";
import { Page } from "../parts/page";
import { formatTime } from "../values/format";
import { healthQuery } from "../values/wait";

const EVERY_MS = 5000;

interface Summary {
	name: string;
	status: HealthStatus;
	text: string;
}

function worst(statuses: HealthStatus[]): HealthStatus {
	return statuses.includes("down") ? "down" : statuses.includes("degraded") ? "degraded" : "up";
}

/* One line for each service, and for each of Postgres, Redis and nginx that is watched. */
function summariesOf(health: Health): Summary[] {
	const names = [...new Set(health.services.map((instance) => instance.name))];
	const services = names.map((name) => {
		const instances = health.services.filter((instance) => instance.name === name);
		const up = instances.filter((instance) => instance.status === "up").length;
		const reason = instances.find((instance) => instance.reason)?.reason;
		return {
			name,
			status: worst(instances.map(({ status }) => status)),
			text: `${up} of ${instances.length} up${reason ? `: ${reason}` : ""}`,
		};
	});
	const behind = (["postgres", "redis", "nginx"] as const).flatMap((name) => {
		const part = health[name];
		return part ? [{ name, status: part.status, text: part.reason ?? "answers" }] : []; // null: it is not watched
	});

	return [...services, ...behind];
}

function SummaryList({ health }: { health: Health }) {
	return (
		<>
			<p className="health-head" data-status={worst(summariesOf(health).map(({ status }) => status))} role="status">
				{health.summary}
			</p>
			<ul className="health">
				{summariesOf(health).map(({ name, status, text }) => (
					<li key={name} data-status={status}>
						<span className="health-dot" aria-hidden="true" />
						<b>{name}</b>
						<span className="health-word">{status}</span>
						<span className="soft">{text}</span>
					</li>
				))}
			</ul>
			<p className="soft">{health.updated_at ? `As of ${formatTime(health.updated_at)}` : "No instance has been checked yet."}</p>
		</>
	);
}

/* A summary of what the dashboard shows. */
export default function HealthPage() {
	const {
		data: health,
		error,
		failureReason,
	} = useQuery({
		...healthQuery,
		refetchInterval: EVERY_MS,
	});
	const problem = error ?? failureReason;

	return (
		<Page title="Health" lead="Every service and what it depends on, as of a few seconds ago.">
			<div className="sheet health-sheet">
				{problem && (
					<p className="health-head" data-status="down" role="status">
						The monitor does not answer: {messageOf(problem)}
					</p>
				)}
				{health && <SummaryList health={health} />}
				<p className="block health-link">
					<a className="button is-primary" href="/status/">
						Open the dashboard
					</a>
				</p>
			</div>
		</Page>
	);
}
