# libcommon/jobs/take_over.lua: the jobs of a dead worker stay its own
s/if won then .* end/if won then end/
