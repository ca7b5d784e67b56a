import type { ReactNode } from "react";

/* In place of a form after whose reply the user has to open a link first (EMAIL_VERIFICATION=required). CHILDREN: the button that goes on.
   EMAIL is "" if the page does not know it, as after a login with a passkey. */
export function OpenLink({ email, children }: { email: string; children: ReactNode }) {
	return (
		<div className="sheet" role="status">
			<p className="block">
				Please open the link that was sent to {email ? <b className="email">{email}</b> : "your email address"}. It works once, for half an
				hour.
			</p>
			<p className="block soft">Nothing has arrived? Look into the spam folder. Logging in sends a new link.</p>
			{children}
		</div>
	);
}

/* The code of a refusal that OpenLink explains. */
export const UNVERIFIED = "email_unverified";
