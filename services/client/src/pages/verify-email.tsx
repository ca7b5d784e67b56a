import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useLocation } from "react-router";
import { sendEmailLink, verifyEmail } from "../api/calls";
import { Link } from "../parts/link";
import { dismissErrors, notify } from "../parts/notices";
import { Page } from "../parts/page";
import { report } from "../session/confirm";
import { useSession } from "../session/use-session";

/* A link is sent to the caller's own address; one for another address is sent by changing it again. */
function AnotherLink() {
	const session = useSession();
	const sending = useMutation({
		mutationFn: sendEmailLink,
		onMutate: dismissErrors,
		onSuccess: () => notify("success", "A message with a link is on its way."),
		onError: report,
	});

	return (
		<p className="aside">
			{session ? (
				<button type="button" className="as-link" onClick={() => sending.isPending || sending.mutate()}>
					Have a new link sent
				</button>
			) : (
				<>
					<Link to="/login" state={{ from: "/verify" }}>
						Log in
					</Link>{" "}
					to have a new link sent.
				</>
			)}
		</p>
	);
}

/* TOKEN: that of the link, or "". */
function Confirming({ token }: { token: string }) {
	const session = useSession();
	const queries = useQueryClient();
	const verifying = useMutation({
		mutationFn: () => verifyEmail(token),
		onMutate: dismissErrors,
		onSuccess: () => queries.invalidateQueries({ predicate: ({ queryKey }) => ["profile", "account"].includes(String(queryKey[0])) }),
		onError: report,
	});

	return (
		<>
			{!token ? (
				<p className="sheet">
					{session
						? "Have a link sent to your email address, and open it."
						: "This link is not complete. Please copy all of it from the message."}
				</p>
			) : verifying.isSuccess ? (
				<div className="sheet" role="status">
					<p className="block">Your email address is confirmed.</p>
					<Link className="button is-primary" to={session ? "/account" : "/login"}>
						{session ? "Go to your account" : "Log in"}
					</Link>
				</div>
			) : (
				<div className="sheet">
					<p className="block">
						The account that asked for this link gets the email address that it was sent to. If that is not yours, close this page.
					</p>
					<button type="button" className="button is-primary" onClick={() => verifying.isPending || verifying.mutate()}>
						{verifying.isPending ? "Confirming…" : "Confirm"}
					</button>
				</div>
			)}
			{!verifying.isSuccess && <AnotherLink />}
		</>
	);
}

/* Where the link in the message leads. Its token is behind the #, which no browser sends to a server and no log has; and opening the page
   spends nothing, because programs that look for malware open every link. A browser does not load the page again for another link. */
export default function VerifyEmail() {
	const token = useLocation().hash.slice(1);

	return (
		<Page title="Confirm your email address" narrow>
			<Confirming key={token} token={token} />
		</Page>
	);
}
