import { useEffect, useRef } from "react";
import { type Enrolment, enrolPhone } from "../api/accounts";
import { Field } from "../parts/field";
import { useForm } from "../parts/use-form";
import { confirmed } from "../session/confirm";

interface AddPhoneProps {
	onBegun: (enrolment: Enrolment<"mtan">, phone: string) => void;
	onClose: () => void;
}

/* "+49 151 / 123-45" and "0049 151 12345" as the server takes it: "+4915112345" */
function compact(text: string): string {
	return text.replace(/[\s()./-]/g, "").replace(/^00/, "+");
}

/* Asks for the telephone number that codes are sent to, which a first code then has to prove. */
export default function AddPhone({ onBegun, onClose }: AddPhoneProps) {
	const ref = useRef<HTMLFormElement>(null);
	const form = useForm({ phone: "Telephone number" }, async (texts) => {
		const phone = compact(texts.phone);
		const what = { parameters: { method: "mtan", phone }, title: "Confirm that it is you", button: "Continue" };
		const enrolment = await confirmed({ action: "add_factor", ...what, text: `After that a code is sent to ${phone}.` }, (confirmation) =>
			enrolPhone(phone, confirmation),
		);
		onBegun(enrolment, phone);
	});

	useEffect(() => ref.current?.querySelector("input")?.focus(), []);

	return (
		<form ref={ref} onSubmit={form.submit} noValidate aria-labelledby="phone-title">
			<h3 id="phone-title" className="block">
				Get codes by SMS
			</h3>
			<p className="block">
				Only you see the number, and only codes are sent to it. An authenticator app or a passkey protects you better, because a number can
				be taken over.
			</p>
			<Field {...form.field("phone")} type="tel" autoComplete="tel" placeholder="+49 151 12345678" required />
			<div className="buttons">
				<input
					className="button is-primary"
					type="submit"
					value={form.isSending ? "Waiting…" : "Send a code"}
					disabled={form.texts.phone.trim() === "" || form.isSending}
				/>
				<button type="button" className="button" onClick={onClose}>
					Cancel
				</button>
			</div>
		</form>
	);
}
