import { useEffect, useRef } from "react";
import { activateFactor, type Enrolment, enrolPasskey, type FactorChange } from "../api/accounts";
import { Failure } from "../api/failure";
import { Field } from "../parts/field";
import { useForm } from "../parts/use-form";
import { createPasskey, requireSupport } from "../passkeys/passkey";
import { useLeaving } from "../passkeys/use-leaving";
import { confirmed } from "../session/confirm";
import { nameOfDevice } from "./device";

interface AddPasskeyProps {
	onAdded: (change: FactorChange) => void;
	onClose: () => void;
}

interface Begun {
	name: string;
	enrolment: Enrolment<"passkey">;
}

function begin(name: string): Promise<Enrolment<"passkey">> {
	const what = { parameters: { method: "passkey", name }, title: "Confirm that it is you", button: "Continue" };

	return confirmed({ action: "add_factor", ...what, text: "After that your browser makes the passkey." }, (confirmation) =>
		enrolPasskey(name, confirmation),
	);
}

/* Names a passkey, and has the browser make it. When the browser fails, pressing the button again goes on with what was confirmed already. */
export default function AddPasskey({ onAdded, onClose }: AddPasskeyProps) {
	const ref = useRef<HTMLFormElement>(null);
	const begun = useRef<Begun | null>(null);
	const leaving = useLeaving();
	const form = useForm(
		{ name: "Name" },
		async (texts) => {
			const name = texts.name.trim();
			requireSupport();
			if (begun.current?.name !== name) begun.current = { name, enrolment: await begin(name) };
			const { id, public_key } = begun.current.enrolment;
			const credential = await createPasskey(public_key, leaving());
			try {
				onAdded(await activateFactor(id, { credential }));
			} catch (error) {
				begun.current = null; // it is used up
				if (!(error instanceof Failure && error.code === "factor_not_found")) throw error;
				throw new Failure(error.httpStatus, error.code, "That took too long. Please try again.");
			}
		},
		{ name: nameOfDevice(navigator.userAgent) },
	);

	useEffect(() => {
		const input = ref.current?.querySelector("input");
		input?.focus();
		input?.select();
	}, []);

	return (
		<form ref={ref} onSubmit={form.submit} noValidate aria-labelledby="passkey-title">
			<h3 id="passkey-title" className="block">
				Add a passkey
			</h3>
			<p className="block">
				This device, a phone or a security key keeps the passkey, and opens it by your fingerprint, your face or a PIN. It logs you in
				without a password, and works on no other site.
			</p>
			<Field {...form.field("name")} autoComplete="off" maxLength={64} required />
			<div className="buttons">
				<input
					className="button is-primary"
					type="submit"
					value={form.isSending ? "Waiting…" : "Add the passkey"}
					disabled={form.texts.name.trim() === ""}
				/>
				<button type="button" className="button" onClick={onClose}>
					Cancel
				</button>
			</div>
		</form>
	);
}
