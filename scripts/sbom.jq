# `docker image inspect` of one image -> CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/). Arguments: scripts/sbom.
# Identifiers are package URLs (https://github.com/package-url/purl-spec), which scanners look up.

def deb: # a paragraph of dpkg's status
	[split("\n")[] | capture("^(?<key>Package|Status|Version|Architecture|Source): (?<value>.*)$")] | from_entries
	| select(.Package and (.Status | endswith(" installed")))
	| ("pkg:deb/debian/\(.Package | @uri)@\(.Version | @uri)?arch=\(.Architecture)"
		+ (if $debian == "" then "" else "&distro=debian-\($debian)" end)) as $purl
	| {type: "library", "bom-ref": $purl, purl: $purl, name: .Package, version: .Version};

def npm: # an entry of package-lock.json
	(.key | split("node_modules/") | last) as $name | (.value.name // $name) as $name
	| "pkg:npm/\($name | split("/") | map(@uri) | join("/"))@\(.value.version | @uri)" as $purl
	| {type: "library", "bom-ref": $purl, purl: $purl, name: $name, version: .value.version}
		+ (if .value.license then {licenses: [{expression: .value.license}]} else {} end);

def uuid: # of an image's id, version 8 (RFC 9562, 5.8): the same image has the same
	.[:8] + "-" + .[8:12] + "-8" + .[13:16] + "-8" + .[17:20] + "-" + .[20:32];

.[0] as $image | ($image.Config.Labels // {}) as $labels
| {
	bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
	serialNumber: ("urn:uuid:" + ($image.Id | ltrimstr("sha256:") | uuid)),
	metadata: {
		timestamp: ($labels["org.opencontainers.image.created"] // $image.Created | if . == "unknown" then $image.Created else . end),
		component: {
			type: "container", "bom-ref": "image", name: "abacus/\($service)",
			version: ($labels["org.opencontainers.image.version"] // "unknown"),
			properties: [
				{name: "abacus:revision", value: ($labels["org.opencontainers.image.revision"] // "unknown")},
				{name: "abacus:image", value: $image.Id}
			]
		}
	},
	components: (
		[$packages | split("\n\n")[] | deb]
		+ [($lock[0].packages // {}) | to_entries[] | select(.key != "" and (.value.dev | not) and (.value.link | not)) | npm]
		| unique_by(."bom-ref")
	)
}
