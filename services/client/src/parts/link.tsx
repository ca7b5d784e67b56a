import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { useHref, useLinkClickHandler, useLocation } from "react-router";

/* react-router's own Link brings forms and prefetching with it, a twentieth of all that the first page loads; this does what is needed here. */
export function Link({ to, state, ...anchor }: { to: string; state?: unknown } & AnchorHTMLAttributes<HTMLAnchorElement>) {
	const href = useHref(to);
	const follow = useLinkClickHandler<HTMLAnchorElement>(to, { state });

	return <a {...anchor} href={href} onClick={(event: MouseEvent<HTMLAnchorElement>) => follow(event)} />;
}

/* A link of a menu: it tells whether it leads to where one is. */
export function MenuLink({ to, className = "", ...anchor }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
	const isHere = useLocation().pathname === to;

	return <Link {...anchor} to={to} className={isHere ? `${className} is-active` : className} aria-current={isHere ? "page" : undefined} />;
}
