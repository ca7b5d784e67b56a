import { lazy, Suspense } from "react";
import { sessions } from "../session/session";
import { useSession } from "../session/use-session";
import { Welcome } from "./welcome";

const load = () => import("../values/dashboard");
const Dashboard = lazy(load);

/* Who is logged in will want it: it comes beside the rest, not after it. */
if (sessions.current()) load();

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
