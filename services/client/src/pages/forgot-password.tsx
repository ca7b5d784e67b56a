import { useState } from "react";
import { forgotPassword } from "../api/calls";
import { Field } from "../parts/field";
import { Link } from "../parts/link";
import { Page } from "../parts/page";
import { isEmail } from "../parts/rules";
import { useForm } from "../parts/use-form";

/* Asks for a link by email. What it shows then is the same for every address, as the server's reply is. */
export default function ForgotPassword() {
	const [address, setAddress] = useState("");
	const form = useForm({ email: "Email" }, async ({ email }) => {
		await forgotPassword(email);
		setAddress(email);
	});

	return (
		<Page title="Forgot your password?" narrow>
			{address ? (
				<p className="sheet" role="status">
					If an account has the address {address}, a message with a link is on its way to it. The link is good for 30 minutes.
				</p>
			) : (
				<form className="sheet" onSubmit={form.submit} noValidate>
					<p className="block">A link by which you can choose a new password is sent to the address of your account.</p>
					<Field {...form.field("email")} type="email" autoComplete="username" required />
					<input
						className="button is-primary is-fullwidth"
						type="submit"
						value={form.isSending ? "Sending…" : "Send the link"}
						disabled={!isEmail(form.texts.email) || form.isSending}
					/>
				</form>
			)}
			<p className="aside">
				<Link to="/login">Log in</Link>
			</p>
		</Page>
	);
}
