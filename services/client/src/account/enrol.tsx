import { type ReactNode, useEffect, useRef } from "react";
import { activateFactor, type Enrolment, type FactorChange } from "../api/accounts";
import { Failure } from "../api/failure";
import { CopyButton } from "../parts/copy-button";
import { Field } from "../parts/field";
import { notify } from "../parts/notices";
import { useForm } from "../parts/use-form";
import { QrCode } from "./qr-code";

interface EnrolProps {
	enrolment: Enrolment<"totp" | "mtan">;
	recipient: string; // of codes by message: an email address or a telephone number
	onAdded: (change: FactorChange) => void;
	onClose: () => void;
}

/* In groups of four, which are easier to type. */
function groups(secret: string): string {
	return secret.replace(/(.{4})(?=.)/g, "$1 ");
}

function AppSteps({ enrolment, field }: { enrolment: Enrolment<"totp">; field: ReactNode }) {
	return (
		<ol className="steps">
			<li>
				<p className="block">Scan this with your authenticator app.</p>
				<QrCode text={enrolment.uri} label="A QR code of the key below" />
				<p className="block soft">
					Or <a href={enrolment.uri}>open it in an app on this device</a>, or type this key:
				</p>
				<p className="block secret">
					<code className="number">{groups(enrolment.secret)}</code>
					<CopyButton text={() => enrolment.secret} what="the key" otherwise="Please type the key." />
				</p>
			</li>
			<li>
				<p className="block">Enter the six digits that the app shows then.</p>
				{field}
			</li>
		</ol>
	);
}

const WORDS = {
	totp: { title: "Add an authenticator app", button: "Add the app", again: "Please add the app again." },
	mtan: { title: "Add codes by message", button: "Add", again: "Please begin again." },
};

/* What the app or the mailbox needs, and the code that proves that it has it. */
export default function Enrol({ enrolment, recipient, onAdded, onClose }: EnrolProps) {
	const words = WORDS[enrolment.method];
	const ref = useRef<HTMLHeadingElement>(null);
	const form = useForm({ code: "Code" }, async ({ code }) => {
		try {
			onAdded(await activateFactor(enrolment.id, { code: code.replace(/\s/g, "") }));
		} catch (error) {
			if (!(error instanceof Failure && error.code === "factor_not_found")) throw error;
			notify("warning", `That took too long, or too many codes were wrong. ${words.again}`);
			onClose();
		}
	});

	const field = <Field {...form.field("code")} inputMode="numeric" autoComplete="one-time-code" required />;

	useEffect(() => ref.current?.focus(), []);

	return (
		<form onSubmit={form.submit} noValidate aria-labelledby="enrol-title">
			<h3 id="enrol-title" className="block" tabIndex={-1} ref={ref}>
				{words.title}
			</h3>
			{enrolment.method === "totp" ? (
				<AppSteps enrolment={enrolment} field={field} />
			) : (
				<>
					<p className="block">
						A message with six digits is on its way to <b className="email">{recipient}</b>. They are good for five minutes.
					</p>
					{field}
				</>
			)}
			<div className="buttons">
				<input
					className="button is-primary"
					type="submit"
					value={form.isSending ? "Checking…" : words.button}
					disabled={form.texts.code.trim() === "" || form.isSending}
				/>
				<button type="button" className="button" onClick={onClose}>
					Cancel
				</button>
			</div>
		</form>
	);
}
