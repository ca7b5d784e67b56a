import { type ReactNode, useEffect, useRef } from "react";
import { useLocation, useNavigationType } from "react-router";

let hasNavigated = false;

/* A page: sets the window's title, and focuses its h1 after the user followed a link, so that a screen reader announces it. */
export function Page({
	title,
	heading = title,
	lead,
	children,
	narrow,
}: {
	title: string;
	heading?: string;
	lead?: ReactNode;
	children: ReactNode;
	narrow?: boolean;
}) {
	const headingRef = useRef<HTMLHeadingElement>(null);
	const { pathname } = useLocation();
	const how = useNavigationType();

	useEffect(() => {
		document.title = title === "Abacus" ? title : `${title} · Abacus`;
	}, [title]);

	// biome-ignore lint/correctness/useExhaustiveDependencies: once for each page that is shown
	useEffect(() => {
		if (hasNavigated && how !== "POP") {
			headingRef.current?.focus({ preventScroll: true });
			window.scrollTo(0, 0);
		}
		hasNavigated = true;
	}, []);

	return (
		<div className={narrow ? "page narrow" : "page"} data-path={pathname}>
			<header className="page-head">
				<h1 className="title" tabIndex={-1} ref={headingRef}>
					{heading}
				</h1>
				{lead && <p className="lead">{lead}</p>}
			</header>
			{children}
		</div>
	);
}
