import { useEffect, useRef } from "react";
import { activateApp, type Enrolment, type FactorChange } from "../api/accounts";
import { Failure } from "../api/failure";
import { CopyButton } from "../parts/copy-button";
import { Field } from "../parts/field";
import { notify } from "../parts/notices";
import { useForm } from "../parts/use-form";
import { QrCode } from "./qr-code";

interface EnrolProps {
	enrolment: Enrolment;
	onAdded: (change: FactorChange) => void;
	onClose: () => void;
}

/* In groups of four, which are easier to type. */
function groups(secret: string): string {
	return secret.replace(/(.{4})(?=.)/g, "$1 ");
}

/* The secret for the app, and the code that proves that the app has it. */
export default function Enrol({ enrolment, onAdded, onClose }: EnrolProps) {
	const ref = useRef<HTMLHeadingElement>(null);
	const form = useForm({ code: "Code" }, async ({ code }) => {
		try {
			onAdded(await activateApp(enrolment.id, code.replace(/\s/g, "")));
		} catch (error) {
			if (!(error instanceof Failure && error.code === "factor_not_found")) throw error;
			notify("warning", "That took too long. Please add the app again.");
			onClose();
		}
	});

	useEffect(() => ref.current?.focus(), []);

	return (
		<form onSubmit={form.submit} noValidate aria-labelledby="enrol-title">
			<h3 id="enrol-title" className="block" tabIndex={-1} ref={ref}>
				Add an authenticator app
			</h3>
			<ol className="steps">
				<li>
					<p className="block">Scan this with your authenticator app.</p>
					<QrCode text={enrolment.uri} label="A QR code of the key below" />
					<p className="block soft">
						Or <a href={enrolment.uri}>open it in an app on this device</a>, or type this key:
					</p>
					<p className="block secret">
						<code className="number">{groups(enrolment.secret)}</code>
						<CopyButton text={enrolment.secret} what="the key" otherwise="Please type the key." />
					</p>
				</li>
				<li>
					<p className="block">Enter the six digits that the app shows then.</p>
					<Field {...form.field("code")} inputMode="numeric" autoComplete="one-time-code" required />
				</li>
			</ol>
			<div className="buttons">
				<input
					className="button is-primary"
					type="submit"
					value={form.isSending ? "Checking…" : "Add the app"}
					disabled={form.texts.code.trim() === "" || form.isSending}
				/>
				<button type="button" className="button" onClick={onClose}>
					Cancel
				</button>
			</div>
		</form>
	);
}
