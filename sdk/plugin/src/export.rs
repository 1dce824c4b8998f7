//! Makes an aggregator the component's own.

/// Exports an [`Aggregator`](crate::Aggregator) from the component that the crate is built as. Its version is the
/// crate's. For every other target than WebAssembly this is nothing, so that the crate links natively too.
#[macro_export]
macro_rules! export {
    ($aggregator:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exported functions are generated as unsafe code")]
        const _: () = {
            struct Component;

            ::std::thread_local! {
                static INSTANCE: $crate::instance::Instance<$aggregator> = ::std::default::Default::default();
            }

            impl $crate::component::generated::Guest for Component {
                fn describe() -> $crate::component::Description {
                    $crate::component::describe::<$aggregator>(::std::env!("CARGO_PKG_VERSION"))
                }

                fn mergeable() -> bool {
                    <$aggregator as $crate::Aggregator>::MERGEABLE
                }

                fn begin(context: $crate::component::generated::Context) -> ::std::result::Result<(), $crate::Error> {
                    let (config, context) = $crate::component::begun(context);
                    INSTANCE.with(|instance| instance.begin(&config, context))
                }

                fn add(update: $crate::Update) -> ::std::result::Result<(), $crate::Error> {
                    INSTANCE.with(|instance| instance.add(update))
                }

                fn partial() -> ::std::result::Result<$crate::component::generated::PartialAggregate, $crate::Error> {
                    INSTANCE.with(|instance| instance.partial()).map(::std::convert::Into::into)
                }

                fn merge(
                    part: $crate::component::generated::PartialAggregate,
                ) -> ::std::result::Result<(), $crate::Error> {
                    INSTANCE.with(|instance| instance.merge(part.into()))
                }

                fn finish() -> ::std::result::Result<$crate::component::generated::Outcome, $crate::Error> {
                    INSTANCE.with(|instance| instance.finish()).map(::std::convert::Into::into)
                }
            }

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}
