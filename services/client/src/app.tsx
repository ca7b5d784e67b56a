import { Suspense, useEffect, useSyncExternalStore } from "react";
import { Navigate, Outlet, Route, Routes, useLocation } from "react-router";
import { Home } from "./pages/home";
import { chunk } from "./parts/chunks";
import { ErrorBoundary } from "./parts/error-boundary";
import { Navbar } from "./parts/navbar";
import { Tray } from "./parts/tray";
import { currentQuestion, subscribeQuestion } from "./session/confirm";
import { useSession } from "./session/use-session";

/* Most visitors come for Home; the other pages are loaded when they are opened, or when the browser has nothing else to do. */
const ResultPage = chunk(() => import("./values/result-page"));
const Register = chunk(() => import("./pages/register"));
const LogIn = chunk(() => import("./pages/log-in"));
const ForgotPassword = chunk(() => import("./pages/forgot-password"));
const ResetPassword = chunk(() => import("./pages/reset-password"));
const VerifyEmail = chunk(() => import("./pages/verify-email"));
const LogOut = chunk(() => import("./pages/log-out"));
const Account = chunk(() => import("./pages/account"));
const Users = chunk(() => import("./pages/users"));
const About = chunk(() => import("./pages/about"));
const Health = chunk(() => import("./pages/health"));
const NotFound = chunk(() => import("./pages/not-found"));
const ConfirmDialog = chunk(() => import("./parts/confirm-dialog"));

/* Pages for logged-out visitors: a logged-in user is sent on. */
function LoggedOutOnly() {
	const session = useSession();
	const from = (useLocation().state as { from?: string } | null)?.from;

	return session ? <Navigate to={from ?? "/"} replace /> : <Outlet />;
}

/* The question goes with the page that asks it, as when the user goes back in the history. */
function Confirming() {
	const question = useSyncExternalStore(subscribeQuestion, currentQuestion);
	const { pathname } = useLocation();

	// biome-ignore lint/correctness/useExhaustiveDependencies: before each change of page
	useEffect(() => () => currentQuestion()?.cancel(), [pathname]);

	return <Suspense>{question && <ConfirmDialog key={question.id} question={question} />}</Suspense>;
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
					<Confirming />
				</ErrorBoundary>
			</main>
			<footer className="foot">
				<p>Abacus calculates large numbers and shows each as soon as it is known.</p>
				<p>
					<a href="/swagger/">API</a> <a href="/status/">Dashboard</a>
					<theme-switch />
				</p>
			</footer>
			<Tray />
		</>
	);
}

export function App() {
	return (
		<Routes>
			<Route element={<Layout />}>
				<Route path="/" element={<Home />} />
				<Route path="/values/:kind/:index" element={<ResultPage />} />
				<Route element={<LoggedOutOnly />}>
					<Route path="/register" element={<Register />} />
					<Route path="/login" element={<LogIn />} />
				</Route>
				<Route path="/auth" element={<Navigate to="/login" replace />} />
				<Route path="/forgot" element={<ForgotPassword />} />
				<Route path="/reset" element={<ResetPassword />} />
				<Route path="/verify" element={<VerifyEmail />} />
				<Route path="/logout" element={<LogOut />} />
				<Route path="/account" element={<Account />} />
				<Route path="/status" element={<Navigate to="/account" replace />} />
				<Route path="/all-users" element={<Users />} />
				<Route path="/about" element={<About />} />
				<Route path="/health" element={<Health />} />
				<Route path="*" element={<NotFound />} />
			</Route>
		</Routes>
	);
}
