"""JupyterLab as ``make jupyter`` and the browser test start it: loopback, offline, no questions."""

import shutil

from labs import start_page
from services.environment import ROOT

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter defines it)

c.JupyterApp.log_level = "WARN"  # the address to open is still printed
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.allow_root = True  # containers often run as root; the token still protects it
c.ServerApp.root_dir = str(ROOT)
if shutil.which("bash"):
    bashrc = ROOT / "infra" / "jupyter" / "bashrc"
    c.ServerApp.terminado_settings = {"shell_command": ["bash", "--rcfile", str(bashrc)]}
# nbgrader's package switches its extensions on. They are for instructors, who start it themselves.
c.ServerApp.jpserver_extensions = {
    f"nbgrader.server_extensions.{name}": False
    for name in ("assignment_list", "course_list", "formgrader", "validate_assignment")
}
c.LabApp.default_url = start_page.address()
# JupyterLab fetches no news, looks for no newer version, and offers no extensions to install.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
