import { Suspense } from "react";
import { chunk } from "../parts/chunks";
import { sessions } from "../session/session";
import { useSession } from "../session/use-session";
import { Welcome } from "./welcome";

const load = () => import("../values/dashboard");
const Dashboard = chunk(load);

/* A logged-in user needs the dashboard: load it in parallel with the rest. */
if (sessions.current()) load().catch(() => {});

export function Home() {
	const session = useSession();

	return session ? (
		<Suspense fallback={<div className="page" aria-busy="true" />}>
			<Dashboard key={session.userId} session={session} />
		</Suspense>
	) : (
		<Welcome />
	);
}
