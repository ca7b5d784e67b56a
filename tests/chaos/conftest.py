from load import RECOVERIES


def pytest_terminal_summary(terminalreporter):
    if not RECOVERIES:
        return
    terminalreporter.write_line("")
    terminalreporter.write_line(f"{'recovery, under light load':44}{'seconds':>8}{'requests failed':>18}")
    for what, seconds, failed in RECOVERIES:
        terminalreporter.write_line(f"{what:44}{seconds:8.2f}{failed:18}")
