"""A connection to a SiLA server: features from their definitions, every call with a time limit, no silent retries.

The client class of ``sila2`` waits for ever and keeps a thread for each execution of a command; what is needed of it is
little, so its messages are used and the calls are made here.
"""

from __future__ import annotations

from base64 import standard_b64decode
from dataclasses import dataclass
from typing import Any, Final

from adapters.errors import AdapterUnavailable
from adapters.sila.features import PROCEDURES, REPORTER, RUNNER, feature

_OPTIONS: Final = (
    ("grpc.enable_retries", 0),  # what is sent again is decided by whoever looked the key up
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


# What gRPC says of an encrypted connection that did not come about, and what then is to be done.
_REMEDIES: Final = {
    "WRONG_VERSION_NUMBER": "it runs and does not encrypt: have it do so, or write trust: nothing in a closed network",
    "certificate has expired": "its certificate has expired: renew it there",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not known here: name the PEM file of the authority that signed it "
    "under root_certificates",
    "Hostname Verification": "its certificate is of another host name: state the address by the name that it certifies",
}


class Refused(Exception):
    """The server answered with one of the errors that its feature defines; ``name`` says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Lacking(AdapterUnavailable):
    """The server has no such feature, so that it heard nothing."""


@dataclass(frozen=True, slots=True)
class Security:
    """How a server is known; encrypted with the system's trust store unless stated otherwise."""

    is_insecure: bool = False
    root_certificates: bytes | None = None  # PEM; None: the system's
    private_key: bytes | None = None  # PEM, where the server asks who calls
    certificate: bytes | None = None


class Connection:
    """Calls of the features at one server."""

    def __init__(self, address: str, security: Security, timeout: float) -> None:
        """``address``: ``host:port``; ``timeout``: seconds for each call. Nothing is sent yet."""
        import grpc

        self.address, self._timeout, self._is_insecure = address, timeout, security.is_insecure
        if security.is_insecure:
            self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(
                security.root_certificates, security.private_key, security.certificate
            )
            self._channel = grpc.secure_channel(address, credentials, options=_OPTIONS)
        self._stubs = {name: self._stub(feature(name)) for name in (RUNNER, REPORTER, PROCEDURES)}

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()

    def features(self) -> tuple[str, ...]:
        """Fully qualified identifiers of what the server implements."""
        from sila2.features.silaservice import SiLAServiceFeature as Service

        prop = Service._unobservable_properties["ImplementedFeatures"]
        answer = self._call(self._stub(Service).Get_ImplementedFeatures, prop.get_parameters_message())
        return tuple(str(name) for name in prop.to_native_type(answer))

    def command(self, of: str, name: str, **parameters: Any) -> Any:
        """The responses of an unobservable command, by name.

        Raises:
            Refused: The server answered with an error that the feature defines.
            Lacking: It does not have the feature.
            AdapterUnavailable: It did not answer in time, or with an error of its own; it may have heard the call.
        """
        command = feature(of)._unobservable_commands[name]
        message = command.parameters.to_message(**parameters)
        return command.responses.to_native_type(self._call(getattr(self._stubs[of], name), message))

    def begin(self, of: str, name: str, **parameters: Any) -> None:
        """Ask for an observable command to be executed; its end is not waited for. Raises as ``command`` does."""
        message = feature(of)._observable_commands[name].parameters.to_message(**parameters)
        self._call(getattr(self._stubs[of], name), message)

    def current(self, of: str, name: str) -> Any:
        """The value of an observable property now. Raises ``AdapterUnavailable``."""
        import grpc

        prop = feature(of)._observable_properties[name]
        stream = getattr(self._stubs[of], f"Subscribe_{name}")(prop.get_parameters_message(), timeout=self._timeout)
        try:
            return prop.to_native_type(next(stream))
        except (grpc.RpcError, StopIteration) as error:
            raise self._unavailable(error) from None
        finally:
            stream.cancel()

    def _stub(self, of: Any) -> Any:
        return getattr(of._grpc_module, f"{of._identifier}Stub")(self._channel)

    def _call(self, function: Any, message: Any) -> Any:
        import grpc
        from sila2.framework.abc.sila_error import SilaError

        try:
            return function(message, timeout=self._timeout)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise Lacking(
                    f"the SiLA server at {self.address} lacks a feature; hakken lab check says which"
                ) from None
            if not SilaError.is_sila_error(error):
                raise self._unavailable(error) from None
            said = SilaError._pb2_module.SiLAError.FromString(standard_b64decode(error.details()))
            if said.HasField("definedExecutionError"):
                name = said.definedExecutionError.errorIdentifier.rpartition("/")[2]
                raise Refused(name, said.definedExecutionError.message) from None
            kind = said.WhichOneof("error")
            message = getattr(getattr(said, kind), "message", "") if kind else ""
            raise AdapterUnavailable(f"the SiLA server at {self.address} failed: {message}; see its log") from None

    def _unavailable(self, error: Any) -> AdapterUnavailable:
        code = getattr(error, "code", lambda: None)()
        why = "nothing" if code is None else str(code.name).lower().replace("_", " ")
        details = getattr(error, "details", lambda: "")() or ""
        return AdapterUnavailable(
            f"the SiLA server at {self.address} did not answer ({why}: {details[:200]}); {self._remedy(details)}"
        )

    def _remedy(self, details: str) -> str:
        """What to look at, by what gRPC says of a connection that did not come about."""
        if self._is_insecure:
            encrypts = "; where it encrypts, leave out trust: nothing" if "Socket closed" in details else ""
            return f"see whether it runs{encrypts}"
        return next((remedy for said, remedy in _REMEDIES.items() if said in details), "see whether it runs")
