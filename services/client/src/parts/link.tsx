import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { useHref, useLinkClickHandler, useLocation } from "react-router";

/* react-router's own Link includes forms and prefetching, a twentieth of what the first page loads; this one does only what is needed here. */
export function Link({
	to,
	state,
	replace = false,
	...anchor
}: { to: string; state?: unknown; replace?: boolean } & AnchorHTMLAttributes<HTMLAnchorElement>) {
	const href = useHref(to);
	const follow = useLinkClickHandler<HTMLAnchorElement>(to, { state, replace });

	return <a {...anchor} href={href} onClick={(event: MouseEvent<HTMLAnchorElement>) => follow(event)} />;
}

/* A link of a menu, marked when it leads to the current page. */
export function MenuLink({ to, className = "", ...anchor }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
	const isHere = useLocation().pathname === to;

	return <Link {...anchor} to={to} className={isHere ? `${className} is-active` : className} aria-current={isHere ? "page" : undefined} />;
}
