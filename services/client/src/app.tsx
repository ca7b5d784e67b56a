import { lazy, Suspense } from "react";
import { Navigate, Outlet, Route, Routes, useLocation } from "react-router";
import { Home } from "./pages/home";
import { ErrorBoundary } from "./parts/error-boundary";
import { Navbar } from "./parts/navbar";
import { NoticeList } from "./parts/notice-list";
import { TroubleBanner } from "./parts/trouble-banner";
import { useSession } from "./session/use-session";

/* Most visitors come for Home; the other pages are loaded when they are opened. */
const ResultDialog = lazy(() => import("./values/result-dialog"));
const Register = lazy(() => import("./pages/register"));
const LogIn = lazy(() => import("./pages/log-in"));
const LogOut = lazy(() => import("./pages/log-out"));
const Profile = lazy(() => import("./pages/profile"));
const Users = lazy(() => import("./pages/users"));
const About = lazy(() => import("./pages/about"));
const Health = lazy(() => import("./pages/health"));
const NotFound = lazy(() => import("./pages/not-found"));

/* Pages for logged-out visitors: a logged-in user is sent on. */
function LoggedOutOnly() {
	const session = useSession();
	const from = (useLocation().state as { from?: string } | null)?.from;

	return session ? <Navigate to={from ?? "/"} replace /> : <Outlet />;
}

function Layout() {
	const { pathname } = useLocation();

	return (
		<>
			<a className="skip-link" href="#main">
				Skip to the content
			</a>
			<Navbar />
			<main id="main" className="main" tabIndex={-1}>
				<ErrorBoundary resetKey={pathname}>
					<Suspense fallback={<div className="page" aria-busy="true" />}>
						<Outlet />
					</Suspense>
				</ErrorBoundary>
			</main>
			<footer className="foot">
				<p>Abacus calculates large numbers and shows each as soon as it is known.</p>
				<p>
					<a href="/swagger/">API</a> <a href="/status/">Dashboard</a>
				</p>
			</footer>
			<TroubleBanner />
			<NoticeList />
		</>
	);
}

export function App() {
	return (
		<Routes>
			<Route element={<Layout />}>
				<Route path="/" element={<Home />}>
					<Route path="values/:kind/:index" element={<ResultDialog />} />
				</Route>
				<Route element={<LoggedOutOnly />}>
					<Route path="/register" element={<Register />} />
					<Route path="/login" element={<LogIn />} />
				</Route>
				<Route path="/logout" element={<LogOut />} />
				<Route path="/status" element={<Profile />} />
				<Route path="/all-users" element={<Users />} />
				<Route path="/about" element={<About />} />
				<Route path="/health" element={<Health />} />
				<Route path="*" element={<NotFound />} />
			</Route>
		</Routes>
	);
}
