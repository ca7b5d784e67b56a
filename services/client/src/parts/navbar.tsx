import { useEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { logOutEverywhere } from "../session/follow";
import { useSession } from "../session/use-session";
import { Mark } from "./beads";
import { Link, MenuLink } from "./link";

const MENU = "site-menu";

function Item({ to, children }: { to: string; children: string }) {
	return (
		<MenuLink to={to} className="navbar-item">
			{children}
		</MenuLink>
	);
}

/* A button and not a page: going back in the history must not log out again. */
function LogOutButton() {
	const navigate = useNavigate();

	function logOut() {
		navigate("/");
		logOutEverywhere();
	}

	return (
		<button type="button" className="navbar-item" onClick={logOut}>
			Log out
		</button>
	);
}

export function Navbar() {
	const session = useSession();
	const { pathname } = useLocation();
	const [isOpen, setOpen] = useState(false);
	const active = isOpen ? " is-active" : "";

	// biome-ignore lint/correctness/useExhaustiveDependencies: closed by every change of page
	useEffect(() => setOpen(false), [pathname, session]);

	return (
		<nav className="navbar" aria-label="Main" onKeyDown={(event) => event.key === "Escape" && setOpen(false)}>
			<div className="navbar-inner">
				<div className="navbar-brand">
					<Link to="/" className="navbar-item brand" aria-label="Abacus, home">
						<Mark />
						<span>Abacus</span>
					</Link>
					<button
						type="button"
						className={`navbar-burger${active}`}
						aria-label="Menu"
						aria-expanded={isOpen}
						aria-controls={MENU}
						onClick={() => setOpen(!isOpen)}
					>
						<span aria-hidden="true" />
						<span aria-hidden="true" />
						<span aria-hidden="true" />
						<span aria-hidden="true" />
					</button>
				</div>
				<div id={MENU} className={`navbar-menu${active}`}>
					<div className="navbar-start">
						<Item to="/all-users">Users</Item>
						<Item to="/health">Health</Item>
						<Item to="/about">About</Item>
						{session && <Item to="/account">Account</Item>}
					</div>
					<div className="navbar-end">
						{session ? (
							<LogOutButton />
						) : (
							<>
								<Item to="/register">Register</Item>
								<Item to="/login">Log in</Item>
							</>
						)}
					</div>
				</div>
			</div>
		</nav>
	);
}
