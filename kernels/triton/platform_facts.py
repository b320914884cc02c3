"""What the engines' own functions ask about the machine and their settings, answered without them: an NVIDIA GPU of a
given compute capability and name, and every optional mode off."""

import dataclasses

from moe_problem import SHARED_LIMITS
from refusal import Refusal


@dataclasses.dataclass(frozen=True)
class Machine:
    """The GPU that is tuned for: `capability` 90 is 9.0, `device` its name, "NVIDIA_H200", None when it is not known."""

    capability: int
    device: str | None = None

    def device_name(self, *_):
        """The name as the driver spells it. Raises Refusal when it is not known."""
        if self.device is None:
            raise Refusal("the name of the GPU decides here, and the request does not give it (device)")
        return self.device.replace("_", " ")


class Facts:
    """An object of an engine, by the attributes that are known. Asking for another one is a Refusal that names it."""

    def __init__(self, name, **known):
        self._name = name
        self._known = known

    def __getattr__(self, attribute):
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if attribute not in self._known:
            raise Refusal(f"{self._name}.{attribute} is asked for, and moetune does not know its answer")
        return self._known[attribute]


def facts_about(machine):
    """Names that the engines' functions use -> their values on a Machine."""
    capability = machine.capability
    off = Facts("deterministic", enable_deterministic_inference=False)
    return {
        # vLLM
        "current_platform": Facts(
            "current_platform",
            is_cuda=lambda: True,
            is_cuda_alike=lambda: True,
            is_rocm=lambda: False,
            is_xpu=lambda: False,
            is_cpu=lambda: False,
            is_tpu=lambda: False,
            is_device_capability=lambda wanted: capability == _number(wanted),
            has_device_capability=lambda wanted: capability >= _number(wanted)),
        "envs": Facts("envs", VLLM_BATCH_INVARIANT=False),
        "vllm_is_batch_invariant": lambda: False,
        "next_power_of_2": lambda n: 1 << max(n - 1, 0).bit_length(),
        # SGLang
        "_is_hip": False,
        "_is_cuda": True,
        "is_batch_invariant_mode_enabled": lambda: False,
        "get_device_name": machine.device_name,
        "is_sm90_supported": lambda: capability // 10 == 9,
        "get_global_server_args": lambda: off,
        "get_exec": lambda: Facts("get_exec()", deterministic=off),
        "_get_cuda_shared_memory_per_block_optin": lambda: SHARED_LIMITS.get(capability),
    }


def _number(wanted):
    """A capability as the engines write it: 90 or (9, 0)."""
    return wanted[0] * 10 + wanted[1] if isinstance(wanted, tuple) else wanted
